import { createHash } from "node:crypto";
import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import { quoteLiteral } from "#lib/postgres/quote.ts";
import { canReadSteps, type Queryable } from "../../ledger/ledger.ts";
import type { RunContext } from "../../run/recorded-run.ts";
import type { Migration } from "../../folder/source.ts";
import type { Step } from "../prepare.ts";

/** A row of `postern.migration_steps`: a statement that an earlier run did, or had under way. */
export type RecordedStep = {
  /** Its place, from 1. */
  readonly step: number;
  readonly checksum: string;
  readonly state: "running" | "done";
};

/** What earlier runs did of a migration, by the place of the statement, from 1. */
export type RecordedSteps = ReadonlyMap<number, "running" | "done">;

/**
 * Reads how far earlier runs came. The file may have been mended since, but only behind what has run.
 *
 * @throws PosternError `migrate.step-changed`
 */
export async function readSteps(
  client: pg.Client,
  migration: Migration,
  steps: readonly Step[],
): Promise<RecordedSteps> {
  const { rows } = await client.query<RecordedStep>(
    "select step, checksum, state from postern.migration_steps where tag = $1 order by step",
    [migration.tag],
  );
  const changed = findChangedStep(migration, steps, rows);
  if (changed !== undefined) throw new PosternError("migrate.step-changed", changed);
  return new Map(rows.map(({ step, state }) => [step, state]));
}

/** The steps of every half-applied migration, by tag. None where they cannot be read. */
export async function readAllSteps(client: Queryable): Promise<ReadonlyMap<string, readonly RecordedStep[]>> {
  return (await canReadSteps(client)) ? await selectAllSteps(client) : new Map();
}

/**
 * The same in one query, none where there is no ledger, or this role may not read it. Outside a transaction only: there the
 * query fails.
 */
export async function readAllStepsAtOnce(client: Queryable): Promise<ReadonlyMap<string, readonly RecordedStep[]>> {
  try {
    return await selectAllSteps(client);
  } catch (error) {
    // undefined_table, invalid_schema_name, insufficient_privilege
    if (["42P01", "3F000", "42501"].includes(sqlStateOf(error) ?? "")) return new Map();
    throw error;
  }
}

async function selectAllSteps(client: Queryable): Promise<ReadonlyMap<string, readonly RecordedStep[]>> {
  const { rows } = await client.query<TaggedStep>(allStepsQuery);
  return byTag(rows);
}

/** Fails where there is no ledger, or this role may not read it. */
export const allStepsQuery = "select tag, step, checksum, state from postern.migration_steps order by tag, step";

/** A row of `allStepsQuery`. */
export type TaggedStep = RecordedStep & { readonly tag: string };

export function byTag(rows: readonly TaggedStep[]): ReadonlyMap<string, readonly RecordedStep[]> {
  return Map.groupBy(rows, ({ tag }) => tag);
}

type FileStep = Pick<Step, "text" | "line">;

/** Says of the first step that the file now has something else in its place; undefined when there is none. */
export function findChangedStep(
  { tag, file }: Pick<Migration, "tag" | "file">,
  steps: readonly FileStep[],
  recorded: readonly RecordedStep[],
): string | undefined {
  const changed = recorded.find((one) => !isSame(steps[one.step - 1], one));
  if (changed === undefined) return undefined;
  const step = steps[changed.step - 1];
  const what = changed.state === "done" ? "has run" : "was under way";
  const where = step === undefined ? file : `${file}:${step.line}`;
  return `${where}: statement ${changed.step} of ${tag} ${what} in an earlier run, and the file now has another there.`;
}

/** Places in the file, from 0, of the statements that are done as they stand there. */
export function findDone(steps: readonly FileStep[], recorded: readonly RecordedStep[]): ReadonlySet<number> {
  const done = recorded.filter((one) => one.state === "done" && isSame(steps[one.step - 1], one));
  return new Set(done.map(({ step }) => step - 1));
}

function isSame(step: FileStep | undefined, { checksum }: RecordedStep): boolean {
  return step !== undefined && checksumOf(step) === checksum;
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

function checksumOf({ text }: Pick<Step, "text">): string {
  return createHash("sha256").update(text).digest("hex");
}
