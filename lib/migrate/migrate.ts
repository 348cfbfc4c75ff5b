import type pg from "pg";
import type { HistoryCode } from "#lib/contract.ts";
import type { MigrateResult, RunProgress } from "#lib/protocol.ts";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { type ApplyLimits, type BegunMigration, type MigrateEvent, applyPending } from "./apply/apply-pending.ts";
import { lookEveryMsFor } from "./apply/lock-retry.ts";
import { type PreparedMigration, prepareMigrations } from "./apply/prepare.ts";
import { readAllStepsAtOnce } from "./apply/steps/recorded-steps.ts";
import { lookAfterwards } from "./after-run/look-afterwards.ts";
import { findUnapproved } from "./plan/approval.ts";
import { type AppliedRow, findRefused, type History, type HistoryFinding } from "./history/history.ts";
import { readHistory, type ReadHistory } from "./history/read-history.ts";
import { readAppliedTags, type RunIdentity } from "./ledger/ledger.ts";
import type { LockHolder } from "./run/lock.ts";
import { readDatabaseIdentity } from "./plan/database-identity.ts";
import { hashPlan } from "./plan/plan-hash.ts";
import { recordRun, type RecordedRunOptions, recordWithoutWork, type RunContext } from "./run/recorded-run.ts";
import type { RunConnections } from "./run/run-connections.ts";
import type { Migration, MigrationFolder } from "./folder/source.ts";

export type MigrateOptions = {
  readonly folder: MigrationFolder;
  /** Made by the caller, once; the same id again gives the first run's outcome and applies nothing. */
  readonly runId: string;
  readonly requestedBy: string;
  readonly bundle?: RunIdentity["bundle"];
  /** Refuse a plan that loses data, or may, unless it is approved. Default false. */
  readonly isProtected?: boolean;
  /** Hash of the plan that was read and approved: any other is refused. */
  readonly approve?: string | undefined;
  /** Findings that are let be. Default: none. */
  readonly allow?: readonly HistoryCode[] | undefined;
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number | undefined;
  /** Danger: ends the run that holds the lock. Default false. */
  readonly stealLock?: boolean | undefined;
  /** How long a statement may queue for a lock, and others behind it. Default 1000. */
  readonly lockTimeoutMs?: number | undefined;
  /** How often a migration is begun when it does not get its locks. Default 15, within two minutes. */
  readonly lockAttempts?: number | undefined;
  /** Milliseconds until the place it runs in ends it. Default: no end. */
  readonly remainingMs?: (() => number) | undefined;
  /** With less than this left no migration is begun. Default 20 000. */
  readonly minStartMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MigrateProgress) => void) | undefined;
  /** Called when a migration is begun. */
  readonly onBegin?: ((begun: BegunMigration) => void) | undefined;
  /** Called with where the run stands when another process does it already, at once and at each news. */
  readonly onAttached?: ((progress: RunProgress | undefined) => void) | undefined;
  readonly clock?: Clock | undefined;
};

export type MigrateProgress =
  | { readonly step: "waiting"; readonly holder: LockHolder | undefined }
  /** Who held the lock was ended, as `stealLock` asks. */
  | { readonly step: "stole"; readonly holder: LockHolder }
  | MigrateEvent
  /** The run's second connection is not there: progress and a cancel have to wait for it. */
  | { readonly step: "unwatched"; readonly reason: string }
  /** The schema could not be looked at after the run. */
  | { readonly step: "not-checked"; readonly reason: string };

const defaults = Object.freeze({ lockTimeoutMs: 1000, lockAttempts: 15, minStartMs: 20_000 });

/**
 * Brings the database to the state of the folder.
 *
 * 1. Compare folder and database, and read the pending SQL; a contradiction, and SQL that cannot run, is refused with the
 *    schema untouched, and a contradiction recorded. Nothing pending ends here: no lock is taken.
 * 2. Record the run and take the run lock with its lease (see `recordRun`).
 * 3. Compare again: the run that we waited for may have done all the work.
 * 4. Refuse what was not approved (see `findUnapproved`).
 * 5. Apply what is pending, one after the other (see `applyPending`).
 * 6. Look at the schema that this has left (see `lookAfterwards`).
 *
 * After a failure every migration before the failed one is applied and recorded; of the failed one nothing is kept, or, where it
 * cannot run in a transaction, the statements before the one that failed. The run can be repeated under a new id. A refusal
 * and a failed migration are results; not getting as far as a run (no connection, no privilege, lock held) is thrown.
 */
export async function migrate(connections: RunConnections, options: MigrateOptions): Promise<MigrateResult> {
  const { folder, runId, requestedBy, bundle, allow, signal, onProgress } = options;
  const clock = options.clock ?? systemClock;
  const startMs = clock.nowMs();
  const { client } = connections;
  const wholeMs = limitsOf(options).remainingMs();
  const finish = (outcome: Outcome): MigrateResult => ({ ...outcome, runId, ms: elapsedMs(clock, startMs) });
  const before = await readHistory(client, folder);
  const refused = findRefused(before.history, allow);
  const identity = { runId, action: "migrate", requestedBy, bundle, allow, folderFormat: folder.format };
  if (refused.length > 0) {
    const result = finish(refuseFindings(refused, before.history));
    return await recordRefusal(connections, { ...identity, clock, signal }, result);
  }
  if (before.history.pending.length === 0) {
    const result = finish({ status: "up-to-date", applied: [], pending: [] });
    return await recordWithoutWork(connections, { ...identity, clock, signal }, { outcome: result.status, result });
  }
  const prepared = await prepareMigrations(client, before.history.pending);

  const { lockWaitMs, stealLock, lockTimeoutMs = defaults.lockTimeoutMs } = options;
  const onWait = (holder: LockHolder | undefined) => onProgress?.({ step: "waiting", holder });
  const onSteal = (holder: LockHolder) => onProgress?.({ step: "stole", holder });
  const onUnwatched = ({ message }: PosternError) => onProgress?.({ step: "unwatched", reason: message });
  const { onAttached } = options;
  const waiting = {
    onWait,
    onSteal,
    onAttached,
    onUnwatched,
    lockWaitMs,
    stealLock,
    lookEveryMs: lookEveryMsFor(lockTimeoutMs),
  };
  return await recordRun(connections, { ...identity, ...waiting, clock, signal }, async (run) => {
    const stolen = run.stoleFrom === undefined ? {} : { stoleFrom: run.stoleFrom };
    const result = finish({ ...(await work(client, run, { prepared, wholeMs }, options)), ...stolen });
    const isKept = async (other: pg.Client) => {
      const kept = await readAppliedTags(other, run.runId);
      return result.applied.every((tag) => kept.has(tag));
    };
    return { outcome: result.status, result, error: result.error, isKept };
  });
}

/** Where the ledger cannot be written (a role that only reads, a replica) the refusal is the answer all the same. */
async function recordRefusal(
  connections: RunConnections,
  run: RecordedRunOptions,
  result: MigrateResult,
): Promise<MigrateResult> {
  const { status: outcome, error } = result;
  try {
    return await recordWithoutWork(connections, run, { outcome, result, error });
  } catch (failure) {
    const { code } = toPosternError(failure);
    if (code === "db.permission" || code === "db.read-only") return result;
    throw failure;
  }
}

type Outcome = Omit<MigrateResult, "runId" | "ms">;

/** What is done under the run lock. */
async function work(
  client: pg.Client,
  run: RunContext,
  { prepared, wholeMs }: { readonly prepared: readonly PreparedMigration[]; readonly wholeMs: number },
  options: MigrateOptions,
): Promise<Outcome> {
  const { folder, isProtected = false, approve, allow, onProgress } = options;
  const { history, applied: rows, layout, begun } = await readHistory(client, folder);
  const refused = findRefused(history, allow);
  if (refused.length > 0) return refuseFindings(refused, history);
  const unapproved = await findUnapproved(client, folder, { history, applied: rows, begun }, { isProtected, approve });
  if (unapproved !== undefined) return refuse(unapproved, history);
  const pending = await stillPending(client, history, { prepared, begun });
  const { applied, status, error, cutOff } = await applyPending(client, run, pending, {
    layout,
    limits: limitsOf(options),
    wholeMs,
    minStartMs: options.minStartMs ?? defaults.minStartMs,
    onEvent: (event) => onProgress?.(event),
    onBegin: options.onBegin,
  });
  const notChecked = (reason: string) => onProgress?.({ step: "not-checked", reason });
  const [after] =
    applied.length === 0 ? [] : await Promise.all([lookAfterwards(client, notChecked), run.monitor.renewNow()]);
  const done = history.pending.slice(0, applied.length);
  const left = history.pending.slice(applied.length);
  // Both are for another run to go on with: the approval is for the rest as well, whose hash the steps so far have changed.
  const isCutShort = status === "partial" || error?.code === "migrate.deadline";
  const rest = isCutShort && approve !== undefined ? await hashRest(client, left, [...rows, ...done]) : undefined;
  return {
    status,
    applied,
    pending: left.map(({ tag }) => tag),
    ...(rest === undefined ? {} : { planHash: rest }),
    ...(cutOff === undefined ? {} : { cutOff }),
    ...(after === undefined ? {} : { after }),
    ...(error === undefined ? {} : { error: error.toDocument() }),
  };
}

/**
 * Of what was approved, the part that is left. What is pending and applied is known, for nobody else could change it meanwhile,
 * and is not read anew: another plan would get an approval that nobody gave.
 */
async function hashRest(
  client: pg.Client,
  left: readonly Migration[],
  applied: readonly Pick<AppliedRow, "checksum" | "when">[],
): Promise<string> {
  const [begun, database] = [await readAllStepsAtOnce(client), await readDatabaseIdentity(client)];
  return hashPlan({ pending: left }, { applied, begun, database });
}

function limitsOf(options: MigrateOptions): ApplyLimits {
  return {
    lockTimeoutMs: options.lockTimeoutMs ?? defaults.lockTimeoutMs,
    lockAttempts: options.lockAttempts ?? defaults.lockAttempts,
    remainingMs: options.remainingMs ?? (() => Number.POSITIVE_INFINITY),
  };
}

/**
 * Those that were read before and are pending still; one that became pending since is read now. One that an earlier run left
 * half applied goes on statement by statement, also when what had to run outside a transaction was edited away since.
 */
async function stillPending(
  client: pg.Client,
  { pending }: History,
  { prepared, begun }: { readonly prepared: readonly PreparedMigration[] } & Pick<ReadHistory, "begun">,
): Promise<PreparedMigration[]> {
  const byTag = new Map(
    prepared
      .filter(({ kind, migration }) => kind === "steps" || !begun.has(migration.tag))
      .map((one) => [one.migration.tag, one]),
  );
  const unread = pending.filter(({ tag }) => !byTag.has(tag));
  for (const one of await prepareMigrations(client, unread, new Set(begun.keys()))) byTag.set(one.migration.tag, one);
  return pending.map(({ tag }) => byTag.get(tag)).filter((one) => one !== undefined);
}

function refuseFindings(findings: readonly HistoryFinding[], history: History): Outcome {
  const [first, ...others] = findings;
  if (first === undefined) throw new PosternError("internal", "There is nothing to refuse.");
  const more = others.length > 0 ? ` (and ${others.length} more: see \`postern status\`)` : "";
  return refuse(new PosternError(first.code, `${first.message}${more}`), history);
}

function refuse(reason: PosternError, { pending }: History): Outcome {
  const tags = pending.map(({ tag }) => tag);
  return { status: "refused", applied: [], pending: tags, error: reason.toDocument() };
}
