import type pg from "pg";
import type { ErrorReply } from "#lib/contract.ts";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import type { FolderFormat } from "./folder/listing.ts";
import { beginRun, endLostRuns, endRun, ensureLedger, type RunIdentity, type RunRecord } from "./ledger.ts";
import { acquireLock, type LockHolder } from "./lock.ts";
import { resetSession } from "./session.ts";

export type RecordedRunOptions = RunIdentity & {
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
  /** Whose table to make where drizzle has none. Default `journal`. */
  readonly folderFormat?: FolderFormat | undefined;
};

const defaults = Object.freeze({ lockWaitMs: 60_000 });

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
 * 3. Take the run lock, polling; end in the ledger what runs left open that died.
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
  const { runId, action, clock, signal, onWait } = options;
  const waitMs = options.lockWaitMs ?? defaults.lockWaitMs;
  let hasBegun = false;
  try {
    await resetSession(client);
    await ensureLedger(client, options.folderFormat);
    const earlier = await beginRun(client, options);
    if (earlier !== undefined) return recall(earlier, action) as Result;
    hasBegun = true;
    await using _lock = await acquireLock(client, "run", { waitMs, clock, signal, onWait });
    await endLostRuns(client, runId);
    const end = await work();
    // The work is done, or its failure known, whether or not the ledger can be told: then the run has no end there.
    await resetSession(client)
      .then(async () => endRun(client, runId, end))
      .catch(() => undefined);
    return end.result;
  } catch (error) {
    const failure = toDatabaseError(error, `running ${action}`);
    const end = { outcome: "failed", error: failure.toDocument() };
    if (hasBegun) await endRun(client, runId, end).catch(() => undefined);
    throw failure;
  }
}

function recall(earlier: RunRecord, action: string): unknown {
  const { runId, isConnected } = earlier;
  if (earlier.action !== action) {
    throw new PosternError("event.invalid", `The run id ${runId} belongs to another run: ${earlier.action}.`);
  }
  if (earlier.result !== null) return earlier.result;
  if (earlier.error !== null) throw PosternError.fromDocument(earlier.error);
  if (earlier.endedAt === null && isConnected) {
    throw new PosternError("lock.held", `Run ${runId} has begun already and has not ended.`);
  }
  throw new PosternError("run.lost", `Run ${runId} began, and its process is gone.`);
}
