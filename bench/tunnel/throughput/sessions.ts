import { measureInRounds } from "../../figures/statistics.ts";
import { type Direction, openBulk, type Place, transfer } from "../scene/bulk-client.ts";
import { ssmWay, startFarSideChild, startTunnelChild } from "../scene/ways.ts";
import type { Sizes } from "../sizes.ts";

/** All streams together; one value a round. */
export type SessionsThroughput = {
  readonly sessions: number;
  readonly direction: Direction;
  readonly megabytesPerSecond: readonly number[];
};

export const manySessions = 8;
const streams = 8;

/** As the real agent and the product send: 1 KiB, and a millisecond. */
const paced = { paceMs: 1, payloadBytes: 1024 } as const;
const paceBytesPerMs = 1024;

/** The same eight streams through one session, and through eight. Bytes are chosen so that both take about as long. */
export async function measureSessions({ rounds, pacedBytes }: Sizes): Promise<SessionsThroughput[]> {
  await using stack = new AsyncDisposableStack();
  const farSide = stack.use(await startFarSideChild(paced));
  const contenders = await Promise.all(
    [1, manySessions].map(async (sessions) => {
      const place = stack.use(await startTunnelChild(ssmWay(farSide, { sessions, paceBytesPerMs })));
      return { name: String(sessions), sessions, place };
    }),
  );
  const results: SessionsThroughput[] = [];
  for (const direction of ["down", "up"] as const) {
    const rates = await measureInRounds(contenders, rounds, async ({ sessions, place }) =>
      measureTogether(place, direction, (pacedBytes * sessions) / streams),
    );
    for (const [name, megabytesPerSecond] of rates) {
      results.push({ sessions: Number(name), direction, megabytesPerSecond });
    }
  }
  return results;
}

async function measureTogether(place: Place, direction: Direction, bytesEach: number): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: streams }, async () => openBulk(place)));
  const startMs = performance.now();
  await Promise.all(sockets.map(async (socket) => transfer(socket, direction, bytesEach)));
  return (bytesEach * streams) / 1e6 / ((performance.now() - startMs) / 1000);
}
