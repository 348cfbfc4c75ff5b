import type { SeedResult } from "#lib/protocol.ts";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { lookAfterwards } from "../after-run/look-afterwards.ts";
import type { RunIdentity } from "../ledger/ledger.ts";
import { leaseLost, renewLease } from "../run/lease.ts";
import { recordRun, type RecordedRunOptions } from "../run/recorded-run.ts";
import type { RunConnections } from "../run/run-connections.ts";
import { seed, type SeedOptions } from "./seed.ts";
import { folderSource } from "./source/sets.ts";

export type RecordedSeedOptions = Pick<RunIdentity, "runId" | "requestedBy" | "bundle"> &
  Pick<RecordedRunOptions, "lockWaitMs" | "signal" | "onWait" | "onAttached" | "onUnwatched"> &
  Pick<
    SeedOptions,
    "seedsDir" | "set" | "source" | "batchRows" | "chunkRows" | "chunkBytes" | "remainingMs" | "lockTimeoutMs"
  > & {
    readonly onProgress?: SeedOptions["onProgress"] | undefined;
    readonly clock?: Clock;
  };

/**
 * `seed` as a run: under the run lock, once per run id, with its outcome in the ledger. An unknown set is refused before;
 * everything else is looked at inside the run, because reading large files takes a while and somebody may be watching.
 */
export async function recordedSeed(connections: RunConnections, options: RecordedSeedOptions): Promise<SeedResult> {
  const { runId, requestedBy, bundle, signal, onProgress, onWait, onAttached, onUnwatched, lockWaitMs, ...what } =
    options;
  const clock = options.clock ?? systemClock;
  await (what.source ?? folderSource(what.seedsDir)).findFiles(what.set);
  const told = { onWait, onAttached, onUnwatched };
  const run = { runId, action: "seed", requestedBy, bundle, lockWaitMs, clock, signal, ...told };
  return await recordRun(connections, run, async (context) => {
    const result = await seed(connections.client, {
      ...what,
      clock,
      lease: context.lease,
      signal: context.signal,
      monitor: context.monitor,
      onProgress: (progress) => {
        context.report({ what: progress.file, rows: progress.rows });
        onProgress?.(progress);
      },
    });
    const hasChanged =
      result.tables.some(({ inserted }) => inserted > 0) || result.scripts?.some(({ ran }) => ran) === true;
    // This commit is waited for, and makes those before it durable. On this connection, for after a crash there is none.
    if (hasChanged && !(await renewLease(connections.client, context.lease))) throw leaseLost();
    const after = hasChanged ? await lookAfterwards(connections.client) : undefined;
    return { outcome: "seeded", result: after === undefined ? result : { ...result, after } };
  });
}
