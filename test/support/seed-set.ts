import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import type { SeedResult } from "#lib/protocol.ts";
import { ensureLedger } from "#lib/migrate/ledger/ledger.ts";
import { type SeedOptions, seed } from "#lib/migrate/seed/seed.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createTestDatabase, type TestDatabase, type TestServer } from "./postgres.ts";

/** A database with a ledger, and a seed set `s` in a folder; disposing removes both. */
export type SeedPlayground = AsyncDisposable & {
  readonly database: TestDatabase;
  readonly client: Client;
  /** Holds `seeds/s`: what `--dir` names. */
  readonly dir: string;
  readonly seedsDir: string;
  /** Writes files of the set. */
  write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
  seed(options?: Partial<SeedOptions>): Promise<SeedResult>;
  all(sql: string): Promise<unknown[]>;
  /** A checksum of all rows of `t`. */
  checksum(): Promise<unknown>;
};

export async function openSeedPlayground(server?: TestServer): Promise<SeedPlayground> {
  await using opening = new AsyncDisposableStack();
  const database = opening.use(await createTestDatabase(server));
  const { client } = opening.use(await connect(database.address, { applicationName: "test" }));
  await ensureLedger(client);
  const dir = await mkdtemp(join(tmpdir(), "postern-seeds-"));
  opening.defer(async () => rm(dir, { recursive: true }));
  const seedsDir = join(dir, "seeds");
  await mkdir(join(seedsDir, "s"), { recursive: true });
  const opened = opening.move();
  const all = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows;
  return {
    database,
    client,
    dir,
    seedsDir,
    all,
    checksum: () => all("select count(*)::int, md5(string_agg(t::text, '' order by t::text)) from t"),
    write: async (files) => {
      const writes = Object.entries(files).map(async ([name, data]) => writeFile(join(seedsDir, "s", name), data));
      await Promise.all(writes);
    },
    seed: (options = {}) => seed(client, { seedsDir, set: "s", ...options }),
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}
