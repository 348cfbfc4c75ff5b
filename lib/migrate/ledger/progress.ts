import type { ProgressResult } from "#lib/protocol.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { PosternError } from "#lib/base/errors.ts";
import { type Queryable, readRun, recordNeverBegun, requestCancel } from "./ledger.ts";

/** Where a run stands, from the ledger. */
export async function readProgress(client: Queryable, runId: string): Promise<ProgressResult> {
  const run = await readRun(client, runId).catch((error: unknown) => {
    throw toDatabaseError(error, "reading the ledger");
  });
  if (run === undefined) return { runId, state: "unknown" };
  const { action } = run;
  if (run.endedAt === null) {
    const progress = run.progress === null ? {} : { progress: run.progress };
    return run.isConnected ? { runId, state: "running", action, ...progress } : { runId, state: "lost", action };
  }
  if (run.outcome === "lost") return { runId, state: "lost", action };
  return {
    runId,
    state: "ended",
    action,
    ...(run.result === null ? {} : { result: run.result }),
    ...(run.error === null ? {} : { error: run.error }),
  };
}

type CancelRequest = {
  readonly runId: string;
  readonly requestedBy: string;
  /** Action of a run that was queued, and may not have begun. */
  readonly unbegun?: string | undefined;
};

/**
 * Asks a run to end; it sees that within a second. Says where it stood; one that has ended, also just now, stays as it is. One
 * that was queued and is not known yet is recorded as ended, so that it never begins; where there is no ledger it stays unknown.
 */
export async function cancelRun(
  client: Queryable,
  { runId, requestedBy, unbegun }: CancelRequest,
): Promise<ProgressResult> {
  try {
    let progress = await readProgress(client, runId);
    if (progress.state === "unknown" && unbegun !== undefined) {
      const error = new PosternError("run.cancelled", `The run was cancelled by ${requestedBy} before it began.`);
      await recordNeverBegun(client, { runId, action: unbegun, requestedBy }, error.toDocument());
      // What was recorded just now, or the run, if it was faster.
      progress = await readProgress(client, runId);
    }
    if (progress.state !== "running" || (await requestCancel(client, runId, requestedBy))) return progress;
    return await readProgress(client, runId);
  } catch (error) {
    throw toDatabaseError(error, `cancelling run ${runId}`);
  }
}
