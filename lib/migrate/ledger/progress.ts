import type { ProgressResult } from "#lib/protocol.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { type Queryable, readRun, requestCancel } from "./ledger.ts";

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

/** Asks a run to end; it sees that within a second. Says where it stood; one that has ended, also just now, stays as it is. */
export async function cancelRun(
  client: Queryable,
  { runId, requestedBy }: { readonly runId: string; readonly requestedBy: string },
): Promise<ProgressResult> {
  try {
    const progress = await readProgress(client, runId);
    if (progress.state !== "running" || (await requestCancel(client, runId, requestedBy))) return progress;
    return await readProgress(client, runId);
  } catch (error) {
    throw toDatabaseError(error, `cancelling run ${runId}`);
  }
}
