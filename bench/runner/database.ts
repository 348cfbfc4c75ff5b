import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type ClientConfig } from "pg";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { startPostgresServer } from "#lib/local/postgres/server.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";

/** One database in the words of each tool: the same server, the same user, no TLS. */
export type BenchDatabase = {
  readonly address: DatabaseAddress;
  readonly config: ClientConfig;
  readonly url: string;
  /** Of the server's own database. */
  readonly rootUrl: string;
  /** For psql: what is not in its arguments. */
  readonly env: NodeJS.ProcessEnv;
};

export type BenchServer = AsyncDisposable & {
  /** For files of the comparison; goes with the server. */
  readonly workDir: string;
  readonly version: string;
  createDatabase(): Promise<BenchDatabase>;
  dropDatabase(database: BenchDatabase): Promise<void>;
};

/**
 * A PostgreSQL 18 of the comparison's own, with its default settings: fsync is on. Without TLS, which would cost all the same
 * and tell nothing of the tools.
 */
export async function startBenchServer(): Promise<BenchServer> {
  const workDir = await mkdtemp(join(tmpdir(), "postern-bench-"));
  const dataDir = join(workDir, "postgres");
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => rm(workDir, { recursive: true, force: true }));
  stack.defer(async () => removePostgresData(dataDir));
  // The server's own user passes through when this runs as root.
  await chmod(workDir, 0o711);
  const { host, port, superuser, password, stop } = await startPostgresServer({ dataDir, port: 0, tls: "off" });
  stack.defer(async () => stop());

  const urlOf = (database: string) =>
    `postgres://${superuser}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const describe = (database: string): BenchDatabase => ({
    address: { host, port, database, user: superuser, password, sslMode: "disable" },
    config: { host, port, database, user: superuser, password, ssl: false },
    url: urlOf(database),
    rootUrl: urlOf("postgres"),
    env: { PGHOST: host, PGPORT: String(port), PGDATABASE: database, PGUSER: superuser, PGPASSWORD: password },
  });
  const admin = new Client(describe("postgres").config);
  admin.on("error", () => {});
  await admin.connect();
  stack.defer(async () => admin.end());
  const { rows } = await admin.query<{ server_version: string }>("show server_version");
  const version = rows[0]?.server_version ?? "";

  let made = 0;
  const owned = stack.move();
  return {
    workDir,
    version,
    createDatabase: async () => {
      made += 1;
      await admin.query(`create database bench_${made}`);
      // What the contender before has left to write is written now, and not in the next one's time.
      await admin.query("checkpoint");
      return describe(`bench_${made}`);
    },
    dropDatabase: async ({ address }) => {
      await admin.query(`drop database ${address.database} with (force)`);
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** A plain client, as a script of one's own would use it. */
export async function withClient<Result>(
  { config }: BenchDatabase,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client(config);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
