import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { BenchDatabase } from "../database.ts";

/** One read: when it began, and how long it took. */
export type Read = { readonly startMs: number; readonly ms: number };

export type Readers = AsyncDisposable & {
  /** The reads that began in this time or were under way then; waits for those that still are. */
  between(fromMs: number, toMs: number): Promise<Read[]>;
};

/** A client of a web application: it reads a row, does something else, and reads the next. */
const pauseMs = 20;

/** Connections that read one row of `accounts` again and again until they are disposed of. */
export async function startReaders(database: BenchDatabase, count: number): Promise<Readers> {
  const reads: Read[] = [];
  const underWay = new Set<Promise<unknown>>();
  const closing = new AbortController();
  const clients = Array.from({ length: count }, () => new Client(database.config));
  await Promise.all(clients.map(async (client) => client.connect()));

  const read = async (client: Client) => {
    const startMs = performance.now();
    await client.query("select name from accounts where id = $1", [1 + (Math.floor(startMs) % 1000)]);
    reads.push({ startMs, ms: performance.now() - startMs });
  };
  const loop = async (client: Client, place: number) => {
    await delay((pauseMs * place) / count);
    while (!closing.signal.aborted) {
      const reading = read(client);
      underWay.add(reading);
      await reading;
      underWay.delete(reading);
      await delay(pauseMs);
    }
    await client.end();
  };
  const loops = Promise.all(clients.map(async (client, place) => loop(client, place)));
  return {
    between: async (fromMs, toMs) => {
      await Promise.all(underWay);
      return reads.filter(({ startMs, ms }) => startMs <= toMs && startMs + ms >= fromMs);
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await loops;
    },
  };
}
