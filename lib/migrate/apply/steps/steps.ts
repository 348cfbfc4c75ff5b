import type { Node } from "libpg-query";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import { quoteLiteral } from "#lib/postgres/quote.ts";
import { runScript, ScriptError } from "#lib/postgres/script.ts";
import { limitsToArrive, resetSession } from "../../run/session.ts";
import { toCodeUnits } from "../../sql/position.ts";
import { type ApplyContext, statementTimeoutMs } from "../context.ts";
import { finalizeSql, readDetachment } from "./detach.ts";
import { describeFailure, describePlace } from "../failure.ts";
import { dropInvalidIndexes, isIndexBuilt } from "./invalid-index.ts";
import { undoRefused } from "./refused-step.ts";
import { withLockRetries } from "../lock-retry.ts";
import { beginStatement, type Place, recordStatements, resetBeforeRecord, resetReading } from "../message.ts";
import type { PreparedMigration, Step } from "../prepare.ts";
import { readSteps, recordStepSql, type RecordedSteps } from "./recorded-steps.ts";
import { isSessionSetting } from "./session-setting.ts";

type SteppedMigration = Extract<PreparedMigration, { kind: "steps" }>;

/**
 * Applies a migration of which some statements cannot run in a transaction, one statement at a time.
 *
 * - A statement that can is a transaction with its own record: done and recorded, or neither.
 * - One that cannot is recorded as `running`, run, and recorded as `done`. The lease is asked for right before it; a run that
 *   loses it while the statement runs cannot be stopped from finishing that statement.
 * - What was `running` when an earlier run died may have been done: an index is looked for, and where a rerun says that the
 *   thing exists, or is gone, it was.
 * - What an earlier run has done is passed over, except what it set for its session.
 * - What the server refused is taken back as far as it can be (see `undoRefused`), so that the statement itself may be mended.
 *
 * At the end the migration is recorded as applied and its steps are removed, in one transaction. After a failure the steps
 * before it are kept, and the next run goes on at the statement that failed.
 *
 * @throws PosternError `migrate.step-changed`, `migrate.blocked`; see `describeFailure`
 */
export async function applySteps(context: ApplyContext, { migration, steps }: SteppedMigration): Promise<void> {
  const { client, run } = context;
  const { tag } = migration;
  const of = steps.length;
  context.session.isSet = false;
  await resetSession(client);
  const recorded = await readSteps(client, migration, steps);
  const isDone = (step: Step, index: number) => isSessionSetting(step.node) || recorded.get(index + 1) === "done";
  const first = steps.findIndex((step, index) => !isDone(step, index));
  if (recorded.size > 0) context.onEvent({ step: "resumed", tag, statement: first === -1 ? of : first + 1, of });
  const ownSettings = new Set<string>();
  let place: Place = { part: "head" };
  let step: Step | undefined;
  try {
    for (const [index, next] of steps.entries()) {
      step = next;
      place = { part: "file", number: index + 1 };
      run.signal.throwIfAborted();
      run.report({ what: tag, migration: context.place, statement: { n: index + 1, of } });
      const hasRun = await applyStep(context, { migration, step, number: index + 1, of, recorded, ownSettings });
      if (hasRun) context.onEvent({ step: "statement-done", tag, statement: index + 1, of });
    }
    place = { part: "recording" };
    await finish(context, migration);
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    if (step !== undefined && place.part === "file" && !canRunInTransaction(step)) {
      await undoRefused(context, { migration, step, number: place.number, recorded }, error).catch(() => undefined);
    }
    const offset = step === undefined || place.part !== "file" ? undefined : step.offset + positionIn(error, step);
    throw describeFailure(error, { migration, place, count: of, offset, hint: hintAt(place) });
  } finally {
    await resetSession(client).catch(() => undefined);
  }
}

function hintAt(place: Place): string {
  const isFirst = place.part === "head" || (place.part === "file" && place.number === 1);
  const kept = isFirst ? "Nothing of this migration was kept." : "The statements before it were kept.";
  return `${kept} Mend it, then run migrate again: it goes on at this one.`;
}

type OneStep = {
  readonly migration: SteppedMigration["migration"];
  readonly step: Step;
  readonly number: number;
  readonly of: number;
  readonly recorded: RecordedSteps;
  /** Names of what the migration has set for its session so far. */
  readonly ownSettings: Set<string>;
};

/** @returns false for what stays no longer than its session, and for what an earlier run has done */
async function applyStep(context: ApplyContext, one: OneStep): Promise<boolean> {
  const { client } = context;
  const { step, number, recorded, ownSettings } = one;
  if (isSessionSetting(step.node)) {
    if ("VariableSetStmt" in step.node) ownSettings.add((step.node.VariableSetStmt.name ?? "").toLowerCase());
    await runScript(client, step.text);
    await runScript(client, resetReading.join(";"));
    return false;
  }
  if (recorded.get(number) === "done") return false;
  await withLockRetries(
    context,
    {
      tag: one.migration.tag,
      describe: () => describePlace({ part: "file", number }, one.of),
      isRepeatable: () => true,
      hint: hintAt({ part: "file", number }),
    },
    async () => {
      await setLimits(context, one);
      if (canRunInTransaction(step)) await runInTransaction(context, one);
      else await runAlone(context, one);
    },
  );
  return true;
}

/**
 * A new enum value cannot be used in its own transaction, but can be added in one; of the rest the server refuses each in any
 * transaction block.
 */
function canRunInTransaction({ node, outside }: Step): boolean {
  return outside === undefined || "AlterEnumStmt" in node;
}

/** For the session, except what the migration has set itself. */
async function setLimits({ client, limits }: ApplyContext, { step, ownSettings }: OneStep): Promise<void> {
  // Concurrent work on an index waits for old transactions, and while it does, no reader or writer waits for it.
  const lockTimeoutMs = step.outside?.endsWith("INDEX CONCURRENTLY") === true ? 0 : Math.ceil(limits.lockTimeoutMs);
  const wanted = { lock_timeout: lockTimeoutMs, statement_timeout: statementTimeoutMs(limits) };
  const statements = Object.entries(wanted)
    .filter(([name]) => !ownSettings.has(name))
    .map(([name, value]) => `set ${name} = ${value}`);
  if (statements.length > 0) await runScript(client, statements.join(";"));
}

async function runInTransaction({ client, run, limits }: ApplyContext, one: OneStep): Promise<void> {
  const { step, number, migration } = one;
  const recordDone = recordStepSql(run, migration, { number, step, state: "done" });
  const arriving = await limitsToArrive(client, step.text);
  await runScript(client, [beginStatement, ...arriving.before].join(";"));
  try {
    await run.monitor.cancellable(async () => runScript(client, step.text), limits.remainingMs());
    await runScript(client, [...arriving.behind, recordDone, "commit"].join(";"));
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

/** In a transaction of its own, between two statements that have none. */
async function recordStep(
  { client, run }: ApplyContext,
  { migration, number, step }: OneStep,
  state: "running" | "done",
) {
  const sql = recordStepSql(run, migration, { number, step, state });
  await runScript(client, `${beginStatement}; ${sql}; commit`);
}

async function runAlone(context: ApplyContext, one: OneStep): Promise<void> {
  const { client, run, limits, onEvent } = context;
  const { step, number, migration, recorded } = one;
  const wasUnderWay = recorded.get(number) === "running";
  const detachment = await readDetachment(client, step.node);
  if (wasUnderWay && (detachment === "detached" || (await isIndexBuilt(client, step.node)))) {
    await recordStep(context, one, "done");
    return;
  }
  const text = detachment === "pending" ? finalizeSql(step.node) : step.text;
  for (const index of await dropInvalidIndexes(client, step.node)) {
    onEvent({ step: "dropped-invalid-index", tag: migration.tag, index });
  }
  await recordStep(context, one, "running");
  try {
    await run.monitor.cancellable(async () => runScript(client, text), limits.remainingMs());
  } catch (error) {
    if (!wasUnderWay || !saysItWasDone(error, step.node)) throw error;
  }
  await recordStep(context, one, "done");
}

/** What the server answers when a statement is repeated that had worked. */
function saysItWasDone(error: unknown, node: Node): boolean {
  const sqlState = sqlStateOf(error) ?? "";
  const isDrop =
    "DropStmt" in node || "DropdbStmt" in node || "DropTableSpaceStmt" in node || "DropSubscriptionStmt" in node;
  // undefined_object, undefined_table, invalid_catalog_name
  if (isDrop) return ["42704", "42P01", "3D000"].includes(sqlState);
  // duplicate_object, duplicate_table (indexes too), duplicate_database
  return ["42710", "42P07", "42P04"].includes(sqlState);
}

async function finish({ client, run, insertApplied }: ApplyContext, migration: SteppedMigration["migration"]) {
  const { runId, lease } = run;
  const record = recordStatements({ runId, token: lease.token, migration, insertApplied: insertApplied(migration) });
  const forget = `delete from postern.migration_steps where tag = ${quoteLiteral(migration.tag)}`;
  await runScript(client, [beginStatement, ...resetBeforeRecord, ...record, forget, "commit"].join(";"));
}

/** The server's position within the step, in UTF-16 units. */
function positionIn(error: unknown, { text }: Step): number {
  const cause: unknown = error instanceof ScriptError ? error.cause : undefined;
  if (!(cause instanceof Error) || !("position" in cause)) return 0;
  const position = Number(cause.position);
  return Number.isInteger(position) && position > 0 ? toCodeUnits(text, position - 1) : 0;
}
