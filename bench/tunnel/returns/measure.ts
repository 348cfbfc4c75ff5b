import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { createRandom } from "#lib/local/gateway/faults.ts";
import { quantile } from "../../figures/statistics.ts";
import type { BenchDatabase } from "../../runner/database.ts";
import type { NetworkState } from "../scene/network.ts";
import { type FarSideChild, ssmWay, startFarSideChild, startTunnelChild, type TunnelChild } from "../scene/ways.ts";
import type { Sizes } from "../sizes.ts";

/** Of one kind of drop. */
export type Returns = {
  readonly kind: string;
  readonly drops: number;
  /** From the network's return to the answer of a query on a new connection. */
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly worstMs: number;
  /** Queries that got an error instead, and went on to another connection. */
  readonly failedFirst: number;
};

type Drop = { readonly kind: string; readonly state?: NetworkState; readonly ms: number };

const seed = 20_26;
/** They query all the time, so that something is under way when the network goes. */
const workers = 4;
const workPauseMs = 10;

/**
 * A network that goes away and comes back, `drops` times, in turn
 *
 * - closed: the gateway closes the socket, as it does about every hour; the network is there;
 * - cut: connections are reset and refused for up to `outageMs`;
 * - black hole: nothing passes for up to `outageMs`, and nobody is told.
 *
 * When it is back, one query is asked on a new connection through the tunnel's port.
 */
export async function measureReturns(database: BenchDatabase, { drops, outageMs }: Sizes): Promise<Returns[]> {
  const { host, port } = database.address;
  await using farSide = await startFarSideChild({ database: { host, port }, hasNetwork: true });
  await using tunnel = await startTunnelChild(ssmWay(farSide));
  const random = createRandom(seed);
  const outage = () => outageMs * (0.1 + 0.9 * random());
  const times = new Map<string, { ms: number; isFirst: boolean }[]>();
  const over = new AbortController();
  const working = Promise.all(Array.from({ length: workers }, async () => work(database, tunnel, over.signal)));
  for (let drop = 0; drop < drops; drop += 1) {
    const kinds: Drop[] = [
      { kind: "closed", ms: 0 },
      { kind: "cut", state: "cut", ms: outage() },
      { kind: "black hole", state: "silent", ms: outage() },
    ];
    const { kind, ...rest } = kinds[drop % kinds.length] ?? { kind: "", ms: 0 };
    await delay(500 * random());
    await takeAway(farSide, rest);
    times.set(kind, [...(times.get(kind) ?? []), await untilAnswer(database, tunnel)]);
  }
  over.abort();
  await working;
  const all = [...times.values()].flat();
  return [...times, ["all", all] as const].map(([kind, some]) => summarise(kind, some));
}

async function takeAway(farSide: FarSideChild, { state, ms }: Omit<Drop, "kind">): Promise<void> {
  if (state === undefined) {
    await farSide.ask({ do: "drop" });
    return;
  }
  await farSide.ask({ do: "network", state });
  await delay(ms);
  await farSide.ask({ do: "network", state: "up" });
}

async function untilAnswer(database: BenchDatabase, tunnel: TunnelChild): Promise<{ ms: number; isFirst: boolean }> {
  const startMs = performance.now();
  for (let tries = 1; ; tries += 1) {
    const client = await connect(database, tunnel);
    const isAnswered = await client?.query("select 1").then(
      () => true,
      () => false,
    );
    await client?.end().catch(() => {});
    if (isAnswered === true) return { ms: performance.now() - startMs, isFirst: tries === 1 };
  }
}

async function connect({ config }: BenchDatabase, { host, port }: TunnelChild): Promise<Client | undefined> {
  const client = new Client({ ...config, host, port });
  client.on("error", () => {});
  return client.connect().then(
    () => client,
    () => undefined,
  );
}

async function work(database: BenchDatabase, tunnel: TunnelChild, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const client = await connect(database, tunnel);
    // What fails asks for another connection.
    if (client !== undefined) await query(client, signal).catch(() => {});
    await client?.end().catch(() => {});
  }
}

async function query(client: Client, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await client.query("select $1::int", [1]);
    await delay(workPauseMs);
  }
}

function summarise(kind: string, times: readonly { readonly ms: number; readonly isFirst: boolean }[]): Returns {
  const sorted = times.map(({ ms }) => ms).toSorted((left, right) => left - right);
  return {
    kind,
    drops: times.length,
    medianMs: quantile(sorted, 0.5),
    p95Ms: quantile(sorted, 0.95),
    worstMs: sorted.at(-1) ?? Number.NaN,
    failedFirst: times.filter(({ isFirst }) => !isFirst).length,
  };
}
