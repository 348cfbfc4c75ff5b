import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { BenchDatabase } from "../../runner/database.ts";
import type { Held } from "../scene/held.ts";
import { ssmWay, startFarSideChild, startTunnelChild, type TunnelChild } from "../scene/ways.ts";

/** Of the tunnel's process, while nobody is connected to its port. */
export type Sample = { readonly atMs: number; readonly held: Held };

export type Soak = {
  readonly ms: number;
  readonly closes: number;
  readonly answers: number;
  readonly wrongAnswers: number;
  /** Of the clients: a connection that was lost, or not made. */
  readonly errors: number;
  /** Links that took the place of another. A socket that is closed needs none: the session is resumed. */
  readonly reconnects: number;
  /** Of the gateway: how often a session's socket was replaced. */
  readonly resumes: number;
  /** Sessions that AWS holds at the end; one is the tunnel's own. */
  readonly sessions: number;
  readonly samples: readonly Sample[];
};

const closeEveryMs = 5_000;
const clients = 8;
/** Between two samples at most; the clients work, each on connection after connection. */
const longestStintMs = 10_000;
const leastStints = 10;
const queriesOfConnection = 50;

/**
 * 1. Far side, tunnel and clients, each in a process of its own; the tunnel's collects garbage before it is looked at.
 * 2. Stint by stint: the clients work while sockets are closed, then leave; a sample of what the tunnel holds without them.
 */
export async function runSoak(
  database: BenchDatabase,
  { ms, onSample }: { readonly ms: number; readonly onSample: (sample: Sample) => void },
): Promise<Soak> {
  const { host, port } = database.address;
  await using farSide = await startFarSideChild({ database: { host, port } });
  await using tunnel = await startTunnelChild(ssmWay(farSide), ["--expose-gc"]);
  await farSide.ask({ do: "close-every", ms: closeEveryMs });
  const counts = { answers: 0, wrongAnswers: 0, errors: 0 };
  const samples: Sample[] = [];
  const stintMs = Math.min(longestStintMs, ms / leastStints);
  const startMs = performance.now();
  const passedMs = () => performance.now() - startMs;
  while (passedMs() < ms) {
    const over = AbortSignal.timeout(Math.min(stintMs, Math.max(1, ms - passedMs())));
    await Promise.all(Array.from({ length: clients }, async () => work(database, tunnel, counts, over)));
    const sample = { atMs: passedMs(), held: await lookAt(tunnel) };
    samples.push(sample);
    onSample(sample);
  }
  await farSide.ask({ do: "close-every", ms: undefined });
  const { reconnects } = await tunnel.ask({ do: "look" });
  const { sessions } = await farSide.ask({ do: "sessions" });
  return {
    ms: passedMs(),
    closes: Math.floor(passedMs() / closeEveryMs),
    ...counts,
    reconnects,
    resumes: sessions.reduce((sum, one) => sum + one.reconnects, 0),
    sessions: sessions.filter(({ state }) => state !== "over").length,
    samples,
  };
}

/** A moment after the last client has left: the goodbyes are under way, and a resume may be. */
async function lookAt(tunnel: TunnelChild): Promise<Held> {
  await delay(500);
  return (await tunnel.ask({ do: "look" })).held;
}

async function work(
  { config }: BenchDatabase,
  { host, port }: TunnelChild,
  counts: { answers: number; wrongAnswers: number; errors: number },
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    const client = new Client({ ...config, host, port });
    client.on("error", () => {});
    try {
      await client.connect();
      for (let n = 1; n <= queriesOfConnection && !over.aborted; n += 1) {
        const rows = 1 + ((n * 37) % 200);
        const { rows: answered } = await client.query<{ n: number; text: string }>(
          "select n, repeat('x', n) as text from generate_series($1::int, $2::int) n",
          [n, n + rows - 1],
        );
        const isRight =
          answered.length === rows && answered.every(({ n: one, text }, at) => one === n + at && text.length === one);
        counts.answers += 1;
        if (!isRight) counts.wrongAnswers += 1;
      }
    } catch {
      counts.errors += 1;
    } finally {
      await client.end().catch(() => {});
    }
  }
}
