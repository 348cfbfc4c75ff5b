import type { ProgressResult } from "#lib/contract.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { type Queryable, readRun } from "./ledger.ts";

/** Where a run stands, from the ledger. */
export async function readProgress(client: Queryable, runId: string): Promise<ProgressResult> {
  const run = await readRun(client, runId).catch((error: unknown) => {
    throw toDatabaseError(error, "reading the ledger");
  });
  if (run === undefined) return { runId, state: "unknown" };
  if (run.endedAt === null) return { runId, state: run.isConnected ? "running" : "lost" };
  if (run.outcome === "lost") return { runId, state: "lost" };
  return {
    runId,
    state: "ended",
    ...(run.result === null ? {} : { result: run.result }),
    ...(run.error === null ? {} : { error: run.error }),
  };
}
