import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { type BenchDatabase, type BenchServer, withClient } from "../database.ts";
import { applyWithDrizzle, migrateWithPostern } from "../migrations/contenders.ts";
import { writeFolders } from "../migrations/folders.ts";
import type { Sizes } from "../sizes.ts";
import { quantile } from "../../figures/statistics.ts";
import { type Readers, startReaders } from "./readers.ts";

export type LockQueue = {
  readonly name: string;
  /** 99th percentile of the readers alone. */
  readonly baselineP99Ms: number;
  /** While the migration waits for the long reader, and until it is done. */
  readonly worstMs: number;
  readonly p99Ms: number;
  readonly reads: number;
  readonly migrationMs: number;
};

/** How long Postern lets a statement queue for a lock, and others behind it. */
export const lockTimeoutMs = 1_000;

/** With a constant default it only changes the catalog; but for that it needs the table to itself for a moment. */
const metadataOnly = "alter table accounts add column note text default '' not null;";

const contenders = [
  {
    name: "postern",
    apply: async (database: BenchDatabase, dir: string) => migrateWithPostern(database, dir, { lockTimeoutMs }),
  },
  { name: "drizzle", apply: applyWithDrizzle },
];

/**
 * How long readers stand still when a migration wants a table that somebody reads for long.
 *
 * 1. Readers alone: their 99th percentile.
 * 2. One reader opens a transaction on the table and stays.
 * 3. The migration is started, and waits.
 * 4. The long reader leaves; the migration gets its lock and ends.
 */
export async function measureLockQueue(server: BenchServer, sizes: Sizes): Promise<LockQueue[]> {
  const migrations = [{ tag: "0000_note", statements: [metadataOnly] }];
  const { drizzle: dir } = await writeFolders(join(server.workDir, "locks"), migrations);
  const results: LockQueue[] = [];
  for (const { name, apply } of contenders) {
    const database = await server.createDatabase();
    await withClient(database, async (client) => {
      await client.query("create table accounts (id integer constraint accounts_pkey primary key, name text not null)");
      await client.query("insert into accounts select n, 'name ' || n from generate_series(1, 1000) n");
    });
    await using readers = await startReaders(database, sizes.readers);
    results.push({ name, ...(await measureOne(readers, database, sizes, async () => apply(database, dir))) });
  }
  return results;
}

async function measureOne(
  readers: Readers,
  database: BenchDatabase,
  sizes: Sizes,
  migrate: () => Promise<void>,
): Promise<Omit<LockQueue, "name">> {
  // The first reads fill the caches of each connection.
  await delay(sizes.baselineMs / 5);
  const baselineFrom = performance.now();
  await delay(sizes.baselineMs);
  const baseline = sortedMs(await readers.between(baselineFrom, performance.now()));

  const longReader = new Client(database.config);
  await longReader.connect();
  await longReader.query("begin; select count(*) from accounts");
  const from = performance.now();
  const migrated = migrate();
  // Its failure is seen below, when the long reader is gone.
  migrated.catch(() => undefined);
  await delay(sizes.holdMs);
  await longReader.query("commit");
  await longReader.end();
  await migrated;
  const to = performance.now();
  const during = sortedMs(await readers.between(from, to));
  return {
    baselineP99Ms: quantile(baseline, 0.99),
    worstMs: during.at(-1) ?? Number.NaN,
    p99Ms: quantile(during, 0.99),
    reads: during.length,
    migrationMs: to - from,
  };
}

function sortedMs(reads: readonly { readonly ms: number }[]): number[] {
  return reads.map(({ ms }) => ms).toSorted((left, right) => left - right);
}
