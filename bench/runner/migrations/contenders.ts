import { randomUUID } from "node:crypto";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate as migrateWithDrizzle } from "drizzle-orm/node-postgres/migrator";
import { Logger, migrate as migrateWithGraphile } from "graphile-migrate";
import { runner as nodePgMigrate } from "node-pg-migrate";
import { Client } from "pg";
import { migrate, type MigrateOptions } from "#lib/migrate/migrate.ts";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { BenchDatabase } from "../database.ts";
import { psql } from "../psql.ts";
import type { MigrationFolders } from "./folders.ts";

export type Migrator = {
  readonly name: string;
  /** What is within the time, and what the tool guarantees. */
  readonly includes: string;
  /** True: run again, it finds nothing to do. */
  readonly hasNoOp: boolean;
  /** How long it keeps its connection for a next call in the same process. */
  readonly keepsConnectionMs?: number;
  apply(database: BenchDatabase, folders: MigrationFolders): Promise<void>;
};

export const migrators: readonly Migrator[] = [
  {
    name: "postern",
    includes: "connection, parser, lock, ledger, checksums, a transaction each",
    hasNoOp: true,
    apply: async (database, folders) => migrateWithPostern(database, folders.drizzle),
  },
  {
    name: "drizzle",
    includes: "connection, one transaction, no lock",
    hasNoOp: true,
    apply: async (database, folders) => applyWithDrizzle(database, folders.drizzle),
  },
  {
    name: "node-pg-migrate",
    includes: "connection, lock, a transaction each",
    hasNoOp: true,
    apply: async (database, folders) => applyWithNodePgMigrate(database, folders, false),
  },
  {
    name: "node-pg-migrate, one transaction",
    includes: "connection, lock, one transaction",
    hasNoOp: true,
    apply: async (database, folders) => applyWithNodePgMigrate(database, folders, true),
  },
  {
    name: "graphile-migrate",
    includes: "connection, lock, hashes, a transaction each; not the end of its connection",
    hasNoOp: true,
    keepsConnectionMs: 200,
    apply: async ({ url, rootUrl }, { graphile }) =>
      migrateWithGraphile({
        connectionString: url,
        rootConnectionString: rootUrl,
        migrationsFolder: graphile,
        logger: silent,
      }),
  },
  {
    name: "psql -1 -f",
    includes: "start of a process, connection, one transaction, no bookkeeping",
    hasNoOp: false,
    apply: async (database, folders) => psql(database, ["-1", "-f", folders.psql]),
  },
];

const silent = new Logger(() => () => {});

/** As the command line does it: with every guarantee on. */
export async function migrateWithPostern(
  { address }: BenchDatabase,
  dir: string,
  options: Partial<MigrateOptions> = {},
): Promise<void> {
  const folder = await readMigrations(dir);
  const runId = randomUUID();
  await using connections = await connectForRun(runId, async (wanted) => connect(address, wanted));
  const { status, error } = await migrate(connections, { folder, runId, requestedBy: "bench", ...options });
  if (status !== "applied" && status !== "up-to-date") throw new Error(`postern: ${status}: ${error?.message}`);
}

/** Like Postern it says goodbye, and does not wait until the server's process has gone. */
export async function applyWithDrizzle({ config }: BenchDatabase, migrationsFolder: string): Promise<void> {
  const client = new Client(config);
  client.on("error", () => {});
  await client.connect();
  try {
    await migrateWithDrizzle(drizzle(client), { migrationsFolder });
  } finally {
    void client.end();
  }
}

async function applyWithNodePgMigrate(
  { config }: BenchDatabase,
  { nodePgMigrate: dir }: MigrationFolders,
  singleTransaction: boolean,
): Promise<void> {
  await nodePgMigrate({
    databaseUrl: config,
    dir,
    direction: "up",
    migrationsTable: "migrations",
    migrationsSchema: "node_pg_migrate",
    createMigrationsSchema: true,
    singleTransaction,
    log: () => {},
  });
}
