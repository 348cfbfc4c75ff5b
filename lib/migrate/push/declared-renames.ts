import { PosternError } from "#lib/base/errors.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { readTables } from "./catalog.ts";
import { decideRename, type DoneBefore, statementsOf } from "./decide-rename.ts";
import { executeStatements } from "./execute.ts";
import type { PushJob } from "./job.ts";
import { type JudgedStatement, judgeStatements } from "./judge.ts";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { Rename } from "./renames.ts";
import type { PushResult } from "./result.ts";

export type Renamed = {
  readonly statements: readonly JudgedStatement[];
  readonly findings: PushResult["findings"];
  readonly error?: PosternError;
};

/** Does the renames that were declared and not yet done, one after the other: an entry may be about a table that the one before it has renamed. */
export async function applyRenames(job: PushJob): Promise<Renamed> {
  const { client, schema, renames } = job;
  const statements: JudgedStatement[] = [];
  const findings: PushResult["findings"][number][] = [];
  const doneBefore = await readDoneBefore(client, renames);
  for (const [index, rename] of renames.entries()) {
    const tables = await readTables(client, schemasOf(schema, renames));
    const later = renames.slice(index + 1);
    const decision = decideRename(rename, { tables, wanted: schema.tables, later, doneBefore });
    if (decision.kind === "contradiction") {
      const { message, hint } = decision;
      return { statements, findings, error: new PosternError("push.ambiguous", message, { hint }) };
    }
    if (decision.kind === "missing") findings.push({ code: "push.rename-missing", message: decision.message });
    if (decision.kind === "stale") findings.push({ code: "push.rename-stale", message: decision.message });
    if (decision.kind !== "rename") continue;
    const { sql } = decision;
    const judgement = await judgeStatements(client, [sql], schema);
    // Nothing but names, so that it can be shown whatever they are.
    const judged = judgement.statements.map(({ hazards, isProvable }) => ({ sql, shown: sql, hazards, isProvable }));
    const failure = await executeStatements(job, judged);
    if (failure !== undefined) return { statements, findings, error: failure };
    statements.push(...judged);
  }
  return { statements, findings };
}

function schemasOf(schema: SchemaDescription, renames: readonly Rename[]): string[] {
  const named = renames.flatMap((rename) => Object.values(rename).map((label: string) => label.split(".")[0] ?? ""));
  return [...schema.schemas, ...named];
}

/** Renames that pushes have done on this database, as the statements that they were, with when: the last is the highest. */
async function readDoneBefore(client: Queryable, renames: readonly Rename[]): Promise<DoneBefore> {
  if (renames.length === 0) return new Map();
  const { rows } = await client.query<{ sql: string; turn: number }>(
    `select s->>'sql' as sql, max(r.turn)::int as turn
     from (select result, row_number() over (order by started_at) as turn
           from postern.runs where action = 'push' and outcome = 'pushed') r,
          jsonb_array_elements(r.result->'statements') s
     where s->>'executed' = 'true' and s->>'sql' = any($1)
     group by 1`,
    [statementsOf(renames)],
  );
  return new Map(rows.map(({ sql, turn }) => [sql, turn]));
}
