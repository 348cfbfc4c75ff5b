import { Client } from "pg";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { quantile } from "../../figures/statistics.ts";
import type { BenchDatabase } from "../../runner/database.ts";
import { destinationOf } from "../scene/far-side.ts";
import { startFarSideChild } from "../scene/ways.ts";
import type { Sizes } from "../sizes.ts";

export type Starts = {
  readonly starts: number;
  /** Not up, answered and closed within the limit. */
  readonly hangs: number;
  readonly failures: readonly string[];
  readonly medianMs: number;
  readonly worstMs: number;
  /** Sessions that AWS still holds after the last one was closed. */
  readonly sessionsLeft: number;
};

/** Twenty times what a start takes on a busy machine, and less than any time-out within the tunnel would mend. */
const hangMs = 10_000;

/** A tunnel, one query through it, its end; again and again, as the official client hangs once in forty to sixty. */
export async function measureStarts(database: BenchDatabase, { starts }: Sizes): Promise<Starts> {
  const { host, port } = database.address;
  await using farSide = await startFarSideChild({ database: { host, port } });
  const times: number[] = [];
  const failures: string[] = [];
  let hangs = 0;
  for (let start = 0; start < starts; start += 1) {
    const limit = AbortSignal.timeout(hangMs);
    const startMs = performance.now();
    try {
      await startOnce(database, ssmTransport(destinationOf(farSide.access)), limit);
      times.push(performance.now() - startMs);
    } catch (error) {
      if (limit.aborted) hangs += 1;
      else failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  const { sessions } = await farSide.ask({ do: "sessions" });
  const sorted = times.toSorted((left, right) => left - right);
  return {
    starts,
    hangs,
    failures,
    medianMs: quantile(sorted, 0.5),
    worstMs: sorted.at(-1) ?? Number.NaN,
    sessionsLeft: sessions.filter(({ state }) => state !== "over").length,
  };
}

async function startOnce(
  { config }: BenchDatabase,
  transport: ReturnType<typeof ssmTransport>,
  limit: AbortSignal,
): Promise<void> {
  await using tunnel = await Tunnel.connect({ transport }, limit);
  const client = new Client({ ...config, host: tunnel.host, port: tunnel.port });
  client.on("error", () => {});
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = () => reject(limit.reason);
  limit.addEventListener("abort", abort, { once: true });
  const work = async () => {
    await client.connect();
    await client.query("select 1");
    await client.end();
  };
  try {
    await Promise.race([work(), late]);
  } finally {
    limit.removeEventListener("abort", abort);
  }
}
