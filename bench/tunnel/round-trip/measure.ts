import { Client } from "pg";
import { quantile } from "../../figures/statistics.ts";
import type { BenchDatabase } from "../../runner/database.ts";
import type { Place } from "../scene/bulk-client.ts";
import type { OpenSsh } from "../scene/openssh.ts";
import { ssmWay, startFarSideChild, startTunnelChild } from "../scene/ways.ts";
import type { Sizes } from "../sizes.ts";

/** One median a round, of `select 1` on a connection that is open. */
export type RoundTrips = {
  readonly name: string;
  readonly medianMs: readonly number[];
  readonly p99Ms: readonly number[];
};

export const rawSocket = "raw socket";

/** Contenders take turns within each round, a hundred queries at a time: what slows the machine slows all of them. */
const turnQueries = 100;

export async function measureRoundTrips(
  database: BenchDatabase,
  ssh: OpenSsh | undefined,
  { rounds, queries }: Sizes,
): Promise<RoundTrips[]> {
  const { host, port } = database.address;
  await using stack = new AsyncDisposableStack();
  const farSide = stack.use(await startFarSideChild({ database: { host, port } }));
  const places: [string, Place][] = [
    [rawSocket, { host, port }],
    ["ssm", stack.use(await startTunnelChild(ssmWay(farSide)))],
    ["direct", stack.use(await startTunnelChild({ kind: "direct", host, port }))],
  ];
  if (ssh !== undefined) {
    const way = { kind: "ssh", ...ssh.optionsTo({ host, port }) } as const;
    places.push(["ssh", stack.use(await startTunnelChild(way))]);
    places.push(["ssh -L", { host, port: stack.use(await ssh.forward({ host, port })).port }]);
  }
  const contenders = await Promise.all(
    places.map(async ([name, place]) => ({ name, client: stack.adopt(await open(database, place), closeClient) })),
  );
  const results = contenders.map(({ name }) => ({ name, medianMs: [] as number[], p99Ms: [] as number[] }));
  for (let round = -1; round < rounds; round += 1) {
    const times = contenders.map((): number[] => []);
    for (let asked = 0; asked < queries; asked += turnQueries) {
      for (const [place, { client }] of contenders.entries()) times[place]?.push(...(await ask(client)));
    }
    if (round < 0) continue;
    for (const [place, one] of times.entries()) {
      const sorted = one.toSorted((left, right) => left - right);
      results[place]?.medianMs.push(quantile(sorted, 0.5));
      results[place]?.p99Ms.push(quantile(sorted, 0.99));
    }
  }
  return results;
}

async function open({ config }: BenchDatabase, { host, port }: Place): Promise<Client> {
  const client = new Client({ ...config, host, port });
  await client.connect();
  return client;
}

async function closeClient(client: Client): Promise<void> {
  await client.end();
}

async function ask(client: Client): Promise<number[]> {
  const times: number[] = [];
  for (let query = 0; query < turnQueries; query += 1) {
    const startMs = performance.now();
    await client.query("select 1");
    times.push(performance.now() - startMs);
  }
  return times;
}
