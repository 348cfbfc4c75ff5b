import type pg from "pg";
import type { ErrorReply, RunProgress } from "#lib/protocol.ts";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import type { FolderFormat } from "../folder/listing.ts";
import {
  beginRun,
  endLostRuns,
  endRun,
  ensureLedger,
  readRun,
  recordEndedRun,
  runIdOf,
  type RunIdentity,
  type RunOutcome,
  type RunRecord,
} from "../ledger/ledger.ts";
import { endFrozenHolder, type Lease, takeLease } from "./lease.ts";
import { acquireLock, endHolder, type LockHolder } from "./lock.ts";
import { RunMonitor } from "./monitor.ts";
import { isToPrune, pruneRuns } from "../ledger/prune.ts";
import { refuseOtherAction } from "./other-action.ts";
import type { RunConnections } from "./run-connections.ts";
import { resetSession } from "./session.ts";

export type RecordedRunOptions = RunIdentity & {
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number | undefined;
  /** Danger: ends the connection of the run that holds the lock, whatever it is doing. Default false. */
  readonly stealLock?: boolean | undefined;
  /** How often to look who blocks the run. Default 250. */
  readonly lookEveryMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
  /** Called once, when the holder of the lock was ended to take its place. */
  readonly onSteal?: ((holder: LockHolder) => void) | undefined;
  /** Called with where the run stands when another process does it already, at once and at each news. */
  readonly onAttached?: ((progress: RunProgress | undefined) => void) | undefined;
  /** Told why the run's second connection is not there: until it is, nobody hears of its progress and no cancel is heard. */
  readonly onUnwatched?: ((reason: PosternError) => void) | undefined;
  /** Whose table to make where drizzle has none. Default: none is made. */
  readonly folderFormat?: FolderFormat | undefined;
};

const defaults = Object.freeze({ lockWaitMs: 60_000, attachPollMs: 250 });

export type RecordedOutcome<Result> = {
  readonly outcome: string;
  readonly result: Result;
  readonly error?: ErrorReply["error"] | undefined;
  /**
   * Whether all that the work has committed is there. Asked when its connection is gone before its end was recorded: a server that
   * crashed forgets commits that nobody has waited for.
   */
  readonly isKept?: ((client: pg.Client) => Promise<boolean>) | undefined;
};

/** What the work is given. */
export type RunContext = {
  readonly runId: string;
  readonly lease: Lease;
  /** The run that was ended to make room for this one. */
  readonly stoleFrom: string | undefined;
  readonly clock: Clock;
  /** Aborted when the run was called off, was cancelled or has lost its lease; the reason is a PosternError. */
  readonly signal: AbortSignal;
  readonly monitor: Pick<RunMonitor, "cancellable" | "blockers" | "blockedMs" | "signal" | "renewNow">;
  /** Tells whoever watches where the run stands. */
  readonly report: (progress: RunProgress) => void;
  /** Opens one more connection of this run. */
  readonly open: RunConnections["open"];
};

/**
 * Does work that changes the database, once per run id, one run at a time, and keeps its outcome in the ledger.
 *
 * 1. Make sure of the ledger.
 * 2. Record the run. An id that was used before gives that run's outcome, once there is one; the work is not done again.
 * 3. Take the run lock, polling, and with it the lease (whoever watches is told whose end is waited for); end in the ledger what
 *    runs left open that died.
 * 4. Do the work, watched on a second connection (see `RunMonitor`), which was opened, or could not be, before the work begins.
 * 5. Record its outcome, or its error, durably, and let go of the lock.
 *
 * A process that dies between 2 and 5 leaves a run without an end; its connection is gone with it, so others see
 * that (`RunRecord.isConnected`) and the lock is free. One that is frozen is ended by the next that waits for the lock.
 *
 * @throws PosternError whatever the work throws, `lock.held`, or why the ledger cannot be written
 */
export async function recordRun<Result>(
  { client, open }: RunConnections,
  options: RecordedRunOptions,
  work: (context: RunContext) => Promise<RecordedOutcome<Result>>,
): Promise<Result> {
  const { runId, action } = options;
  const clock = options.clock ?? systemClock;
  let hasBegun = false;
  const end = async (outcome: End) => {
    if (hasBegun) await recordEnd({ client, open }, runId, outcome);
  };
  try {
    await resetSession(client);
    await ensureLedger(client, options.folderFormat);
    const earlier = await beginRun(client, options);
    if (earlier !== undefined) return (await attach(client, earlier, { ...options, clock })) as Result;
    hasBegun = true;
    const { lookEveryMs, onUnwatched } = options;
    const workPid = await readPid(client);
    await using monitor = new RunMonitor({ runId, workPid, open, clock, lookEveryMs, onUnwatched });
    const signal = options.signal === undefined ? monitor.signal : AbortSignal.any([monitor.signal, options.signal]);
    let stoleFrom: string | undefined;
    const onSteal = (holder: LockHolder) => {
      stoleFrom = runIdOf(holder.applicationName);
      options.onSteal?.(holder);
    };
    let hasWaited = false;
    const onWait = (holder: LockHolder | undefined) => {
      hasWaited = true;
      monitor.report({ what: describeWait(holder) });
      options.onWait?.(holder);
    };
    await using _lock = await acquireRunLock(client, { ...options, clock, signal, onWait, onSteal });
    // Not every action tells more of itself.
    if (hasWaited) monitor.report({ what: action });
    const lease = await takeLease(client, runId);
    monitor.hold(lease);
    await Promise.all([endLostRuns(client, runId), monitor.ready()]);
    const report = (progress: RunProgress) => monitor.report(progress);
    const outcome = await work({ runId, lease, stoleFrom, clock, signal, monitor, report, open });
    await end(outcome);
    await pruneNowAndThen(client, runId);
    return outcome.result;
  } catch (error) {
    const failure = toDatabaseError(error, `running ${action}`);
    await end({ outcome: "failed", error: failure.toDocument() });
    throw failure;
  }
}

/**
 * Records a run that found nothing to do, without the lock. An id that was used before gives that run's outcome, as in
 * `recordRun`.
 */
export async function recordWithoutWork<Result>(
  { client }: RunConnections,
  options: RecordedRunOptions,
  outcome: RecordedOutcome<Result>,
): Promise<Result> {
  try {
    const earlier = await recordEndedRun(client, options, outcome).catch(async (error: unknown) => {
      if (sqlStateOf(error) !== undefinedTable && sqlStateOf(error) !== undefinedColumn) throw error;
      await ensureLedger(client, options.folderFormat);
      return await recordEndedRun(client, options, outcome);
    });
    if (earlier === undefined) await pruneNowAndThen(client, options.runId);
    return earlier === undefined ? outcome.result : ((await attach(client, earlier, options)) as Result);
  } catch (error) {
    throw toDatabaseError(error, `running ${options.action}`);
  }
}

/** A run that has done its work has done it, also where its role may not remove, or its connection is gone by now. */
async function pruneNowAndThen(client: pg.Client, runId: string): Promise<void> {
  if (isToPrune(runId)) await pruneRuns(client).catch(() => undefined);
}

/** For whoever watches a run that has not begun its work. */
function describeWait(holder: LockHolder | undefined): string {
  if (holder === undefined) return "waiting for another run to end";
  const runId = runIdOf(holder.applicationName);
  return `waiting for ${runId === undefined ? `backend ${holder.pid}` : `run ${runId}`} to end`;
}

/** There is no ledger yet, or one of an older version. */
const undefinedTable = "42P01";
const undefinedColumn = "42703";

async function acquireRunLock(
  client: pg.Client,
  { lockWaitMs: waitMs = defaults.lockWaitMs, stealLock = false, clock, signal, onWait, onSteal }: RecordedRunOptions,
): Promise<AsyncDisposable> {
  let stolenFrom: number | undefined;
  const onHolder = async (holder: LockHolder) => {
    const { pid } = holder;
    const isFirst = stolenFrom === undefined;
    // Whoever comes next has done nothing to be ended for.
    const isToEnd = stealLock && (stolenFrom ??= pid) === pid;
    if (isToEnd) await endHolder(client, pid);
    else await endFrozenHolder(client, pid);
    if (isToEnd && isFirst) onSteal?.(holder);
  };
  try {
    return await acquireLock(client, "run", { waitMs, clock, signal, onWait, onHolder });
  } catch (error) {
    // Cancelled while it waits: a sleep that is aborted does not say why.
    if (signal?.reason instanceof PosternError) throw signal.reason;
    throw error;
  }
}

type End = RunOutcome & Pick<RecordedOutcome<unknown>, "isKept">;

/**
 * On another connection when the run's own is lost. Its commit is waited for, which makes durable what the run has committed
 * before it. When neither works the run has no end in the ledger: a failure is told all the same, and a success is none
 * that anybody could rely on.
 *
 * @throws PosternError why the end of a run without an error could not be recorded
 */
async function recordEnd({ client, open }: RunConnections, runId: string, outcome: End): Promise<void> {
  try {
    await resetSession(client);
    await endRun(client, runId, outcome);
  } catch {
    await endElsewhere(open, runId, outcome).catch((error: unknown) => {
      if (outcome.error === undefined) throw toDatabaseError(error, "recording the end of the run");
    });
  }
}

async function endElsewhere(open: RunConnections["open"], runId: string, outcome: End): Promise<void> {
  await using connection = await open();
  if (outcome.isKept !== undefined && !(await outcome.isKept(connection.client)))
    throw new PosternError("run.lost", `The server crashed before what run ${runId} had committed was on its disk.`, {
      hint: "Look with `postern status` what of it is there, then run it again.",
    });
  await endRun(connection.client, runId, outcome);
}

async function readPid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/** Waits for the end of a run that is on, and gives what it gave. */
async function attach(
  client: pg.Client,
  earlier: RunRecord,
  { action, clock = systemClock, signal, onAttached }: RecordedRunOptions,
): Promise<unknown> {
  const { runId } = earlier;
  refuseOtherAction(earlier, action);
  let run: RunRecord | undefined = earlier;
  let told: string | undefined;
  while (run !== undefined && run.endedAt === null && run.isConnected) {
    const news = JSON.stringify(run.progress);
    if (news !== told) onAttached?.(run.progress ?? undefined);
    told = news;
    await clock.sleep(defaults.attachPollMs, signal);
    run = await readRun(client, runId);
  }
  if (run !== undefined && run.result !== null) return run.result;
  if (run !== undefined && run.error !== null) throw PosternError.fromDocument(run.error);
  throw new PosternError("run.lost", `Run ${runId} began, and its process is gone.`);
}
