import type { BenchDatabase } from "../../runner/database.ts";
import { type Chaos, runChaos } from "./run.ts";
import { faultKinds } from "./schedule.ts";

const clients = 8;

/** Every kind of fault once at least, and on until the time is over; the tunnel with its own defaults. */
export async function measureChaos(
  { config }: BenchDatabase,
  { seed, ms }: { readonly seed: number; readonly ms: number },
): Promise<Chaos> {
  const { host = "", port = 0 } = config;
  return await runChaos({ config: { ...config, host, port }, seed, clients, faults: faultKinds.length, ms });
}
