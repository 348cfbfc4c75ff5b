import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { readFingerprint } from "../after-run/check-after-run.ts";
import { readAppliedRows } from "../history/drizzle-table.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { readPartitions, readTables } from "./catalog.ts";
import { applyRenames } from "./declared-renames.ts";
import { executeStatements } from "./execute.ts";
import { cancellable, type PushJob } from "./job.ts";
import { findLosses, judgeStatements } from "./judge.ts";
import { type Outcome, refuse, tell } from "./outcome.ts";
import { findPossibleRenames } from "./possible-renames.ts";
import { describeAmbiguity, describeLosses, describePartitions, findRefusal } from "./refusals.ts";
import type { PushResult } from "./result.ts";
import { findUncompared } from "./uncompared.ts";

/**
 * What a push does inside its transaction: steps 4 to 7 of `push`.
 *
 * @returns `pushed` for what is to be committed; anything else is to be rolled back
 */
export async function compareAndExecute(job: PushJob): Promise<Outcome> {
  const { client, schema, renames } = job;
  const before = await cancellable(job, async () => readFingerprint(client));
  const renamed = await applyRenames(job);
  const tables = await readTables(client, schema.schemas);
  const partitions = (await readPartitions(client)).filter((label) => schema.tables[label] !== undefined);
  const unmanaged = [...tables.keys()].filter((label) => schema.tables[label] === undefined);
  const common = { unmanaged, findings: renamed.findings };
  const unclear =
    renamed.error ??
    describePartitions(partitions) ??
    describeAmbiguity(findPossibleRenames(schema.tables, tables, renames));
  if (unclear !== undefined) return refuse(common, renamed.statements, unclear);

  const findings = [...renamed.findings, ...(await findUncompared(client, schema))];
  const compared = { ...common, findings };
  const texts = await planWithKit(job);
  if (texts instanceof PosternError) return refuse(compared, renamed.statements, texts);
  const plan = await judgeStatements(client, texts, schema);
  const statements = [...renamed.statements, ...plan.statements];
  const { repeated } = plan;
  if (statements.length === 0) return { ...compared, status: "up-to-date", reemitted: repeated };
  const warned = [...findings, ...(await findMixed(client))];
  const found = { ...common, findings: warned, statements: tell(statements, false), reemitted: repeated };
  job.found = found;
  const refusal = findRefusal(plan, schema);
  if (refusal !== undefined) return refuse(found, statements, refusal);
  if (job.dryRun) return { ...found, status: "planned" };
  const losses = findLosses(statements);
  if (losses.length > 0 && !job.acceptDataLoss) return refuse(found, statements, describeLosses(losses));

  const failure = await executeStatements(job, plan.statements);
  if (failure !== undefined) return { ...found, status: "failed", error: failure.toDocument() };
  const mayBeRepeated = losses.length === 0 && plan.statements.every(({ isProvable }) => isProvable);
  if (mayBeRepeated && (await readFingerprint(client)) === before) {
    return {
      ...compared,
      status: "up-to-date",
      reemitted: [...repeated, ...plan.statements.map(({ shown }) => shown)],
    };
  }
  const again = await judgeStatements(client, await askKit(job), schema);
  return {
    ...found,
    status: "pushed",
    statements: tell(statements, true),
    reemitted: [...again.repeated, ...again.statements.map(({ shown }) => shown)],
  };
}

/** What drizzle-kit would ask about is found, not thrown: a column is told before, a policy for instance is not. */
async function planWithKit(job: PushJob): Promise<readonly string[] | PosternError> {
  return await askKit(job).catch((error: unknown) => {
    if (error instanceof PosternError && error.code === "push.ambiguous") return error;
    throw error;
  });
}

async function askKit(job: PushJob): Promise<readonly string[]> {
  const { client, kit, schema, context } = job;
  const query = async (sql: string) => {
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } catch (error) {
      throw toDatabaseError(error, "reading the schema of the database");
    }
  };
  return await cancellable(job, async () => kit.plan(schema.schemas, query, context.signal));
}

/** Pushing beside migrations is allowed and said: the next migration that does the same will fail. */
async function findMixed(client: Queryable): Promise<PushResult["findings"]> {
  const applied = await readAppliedRows(client);
  if (applied.length === 0) return [];
  const message =
    `${applied.length} migrations are applied here. What push changes is in none of them: the migration that you ` +
    "generate for it later will fail here, because it is done already. Use one of the two on a stage.";
  return [{ code: "push.mixed", message }];
}
