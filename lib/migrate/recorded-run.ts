import type pg from "pg";
import type { ErrorReply } from "#lib/contract.ts";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { beginRun, endRun, ensureLedger, type RunIdentity, type RunRecord } from "./ledger.ts";
import { acquireRunLock, type LockHolder } from "./lock.ts";

export type RecordedRunOptions = RunIdentity & {
  readonly lockWaitMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
};

export type RecordedOutcome<Result> = {
  readonly outcome: string;
  readonly result: Result;
  readonly error?: ErrorReply["error"] | undefined;
};

/**
 * Does work that changes the database, once per run id, one run at a time, and keeps its outcome in the ledger.
 *
 * 1. Make sure of the ledger.
 * 2. Record the run. An id that was used before gives the recorded result, and the work is not done again.
 * 3. Take the run lock, polling.
 * 4. Do the work.
 * 5. Record its outcome, or its error, and let go of the lock.
 *
 * A process that dies between 2 and 5 leaves a run without an end; its connection is gone with it, so others see
 * that (`RunRecord.isConnected`) and the lock is free.
 *
 * @throws PosternError whatever the work throws, `lock.held`, or why the ledger cannot be written
 */
export async function recordRun<Result>(
  client: pg.Client,
  options: RecordedRunOptions,
  work: () => Promise<RecordedOutcome<Result>>,
): Promise<Result> {
  const { runId, action, lockWaitMs: waitMs, clock, signal, onWait } = options;
  let hasBegun = false;
  try {
    await ensureLedger(client);
    const earlier = await beginRun(client, options);
    if (earlier !== undefined) return recall(earlier) as Result;
    hasBegun = true;
    await using _lock = await acquireRunLock(client, { waitMs, clock, signal, onWait });
    const end = await work();
    await endRun(client, runId, end);
    return end.result;
  } catch (error) {
    const failure = toDatabaseError(error, `running ${action}`);
    const end = { outcome: "failed", error: failure.toDocument() };
    // The failure is what matters to the caller; a ledger that cannot be written now shows a run without an end.
    if (hasBegun) await endRun(client, runId, end).catch(() => undefined);
    throw failure;
  }
}

function recall(earlier: RunRecord): unknown {
  if (earlier.result !== null) return earlier.result;
  if (earlier.error !== null) throw PosternError.fromDocument(earlier.error);
  throw new PosternError("lock.held", `Run ${earlier.runId} has begun already and has not ended.`);
}
