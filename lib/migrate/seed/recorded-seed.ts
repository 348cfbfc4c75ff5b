import type pg from "pg";
import type { SeedResult } from "#lib/contract.ts";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import type { RunIdentity } from "../ledger.ts";
import { recordRun } from "../recorded-run.ts";
import { checkSeed, type SeedOptions, writeSeed } from "./seed.ts";

export type RecordedSeedOptions = Pick<RunIdentity, "runId" | "requestedBy" | "bundle"> &
  Pick<SeedOptions, "seedsDir" | "set" | "onProgress"> & {
    /** How long to wait for another run to end. Default 60 000. */
    readonly lockWaitMs?: number;
    readonly signal?: AbortSignal | undefined;
    readonly clock?: Clock;
  };

const defaults = Object.freeze({ lockWaitMs: 60_000 });

/**
 * `seed` as a run: under the run lock, once per run id, with its outcome in the ledger. The files are checked before, so
 * that a set which does not fit changes nothing, the ledger included.
 */
export async function recordedSeed(client: pg.Client, options: RecordedSeedOptions): Promise<SeedResult> {
  const { runId, requestedBy, bundle, set, seedsDir, signal, onProgress } = options;
  const clock = options.clock ?? systemClock;
  const lockWaitMs = options.lockWaitMs ?? defaults.lockWaitMs;
  const identity = { runId, action: "seed", requestedBy, bundle };
  const seeding = {
    seedsDir,
    set,
    clock,
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  const checked = await checkSeed(client, seeding);
  return await recordRun(client, { ...identity, lockWaitMs, clock, signal }, async () => {
    return { outcome: "seeded", result: await writeSeed(client, checked, seeding) };
  });
}
