import { createHash } from "node:crypto";
import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { quoteLiteral } from "#lib/postgres/quote.ts";
import type { RunContext } from "../recorded-run.ts";
import type { Migration } from "../source.ts";
import type { Step } from "./prepare.ts";

/** What earlier runs did of a migration, by the place of the statement, from 1. */
export type RecordedSteps = ReadonlyMap<number, "running" | "done">;

/**
 * Reads how far earlier runs came. The file may have been mended since, but only behind what has run.
 *
 * @throws PosternError `migrate.step-changed`
 */
export async function readSteps(
  client: pg.Client,
  { tag, file }: Migration,
  steps: readonly Step[],
): Promise<RecordedSteps> {
  const { rows } = await client.query<{ step: number; checksum: string; state: "running" | "done" }>(
    "select step, checksum, state from postern.migration_steps where tag = $1 order by step",
    [tag],
  );
  for (const { step: number, checksum, state } of rows) {
    const step = steps[number - 1];
    if (step !== undefined && checksumOf(step) === checksum) continue;
    const what = state === "done" ? "has run" : "was under way";
    const where = step === undefined ? file : `${file}:${step.line}`;
    throw new PosternError(
      "migrate.step-changed",
      `${where}: statement ${number} of ${tag} ${what} in an earlier run, and the file now has another there.`,
    );
  }
  return new Map(rows.map(({ step, state }) => [step, state]));
}

/** SQL that records a step, for within a transaction, and fails for a run that has lost its lease. */
export function recordStepSql(
  { runId, lease }: Pick<RunContext, "runId" | "lease">,
  { tag }: Migration,
  step: { readonly number: number; readonly step: Step; readonly state: "running" | "done" },
): string {
  const [run, name, checksum] = [runId, tag, checksumOf(step.step)].map(quoteLiteral);
  return `${asRun}; select postern.record_step(${lease.token}, ${run}, ${name}, ${step.number}, ${checksum}, '${step.state}')`;
}

/** SQL after which a step that was under way counts as not begun. */
export function forgetStepSql({ lease }: Pick<RunContext, "lease">, { tag }: Migration, number: number): string {
  const removed = `delete from postern.migration_steps where tag = ${quoteLiteral(tag)} and step = ${number} and state = 'running'`;
  return `begin; ${asRun}; select postern.hold_lease(${lease.token}); ${removed}; commit`;
}

/** The ledger is the run's: the role that the migration has set goes on behind the transaction. */
const asRun = "set local session authorization default; set local role none";

function checksumOf({ text }: Step): string {
  return createHash("sha256").update(text).digest("hex");
}
