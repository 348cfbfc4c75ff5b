import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterEach, beforeEach } from "vitest";
import type { MigrateResult } from "#lib/protocol.ts";
import { type MigrateOptions, migrate } from "#lib/migrate/migrate.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { type MigrateProcess, startMigrate } from "./migrate-process.ts";
import { makeMigrationFolder, type TestFolder } from "./migration-folder.ts";
import { createTestDatabase, type TestDatabase, type TestServer } from "./postgres.ts";
import { openRun } from "./run-connections.ts";
import { waitFor } from "./wait-for.ts";

/** A database, a folder and somebody who looks on; all of it goes with `dispose`. */
export type MigrateBench = AsyncDisposable & {
  readonly database: TestDatabase;
  readonly folder: TestFolder;
  /** As the superuser, and no part of any run. */
  readonly client: pg.Client;
  /** What the bench takes along when it goes. */
  readonly stack: AsyncDisposableStack;
  /** A run in this process. */
  readonly run: (options?: Partial<MigrateOptions>, address?: DatabaseAddress) => Promise<MigrateResult>;
  /** A run in a process of its own. */
  readonly start: (...args: string[]) => MigrateProcess;
  readonly rows: (sql: string, values?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
};

export async function openMigrateBench(server?: TestServer): Promise<MigrateBench> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase(server));
  const folder = stack.use(await makeMigrationFolder());
  const { client } = stack.use(await connect(database.address, { applicationName: "onlooker" }));
  return {
    database,
    folder,
    client,
    stack,
    run: async (options = {}, address = database.address) => {
      const { runId = randomUUID() } = options;
      await using connections = await openRun(address, runId);
      const migrations = options.folder ?? (await folder.read());
      return await migrate(connections, { requestedBy: "test", ...options, runId, folder: migrations });
    },
    start: (...args) => stack.use(startMigrate({ url: database.url(), dir: folder.dir }, args)),
    rows: async (sql, values = []) => (await client.query<Record<string, unknown>>(sql, [...values])).rows,
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}

/** A bench a test. */
export function useMigrateBench(): () => MigrateBench {
  let bench: MigrateBench;
  beforeEach(async () => {
    bench = await openMigrateBench();
  });
  afterEach(async () => {
    await bench[Symbol.asyncDispose]();
  });
  return () => bench;
}

/** First key of the advisory locks that migrations of a test wait for. */
const gateKey = 4711;

/** SQL that waits until the gate is open, and is itself without effect. */
export function passGate(number: number): string {
  return `select pg_advisory_xact_lock_shared(${gateKey}, ${number})`;
}

export async function closeGate({ client }: Pick<MigrateBench, "client">, number: number): Promise<void> {
  await client.query("select pg_advisory_lock($1, $2)", [gateKey, number]);
}

export async function openGate({ client }: Pick<MigrateBench, "client">, number: number): Promise<void> {
  await client.query("select pg_advisory_unlock($1, $2)", [gateKey, number]);
}

/** Waits until somebody stands at the closed gate, and tells its backend. */
export async function waitAtGate({ rows }: Pick<MigrateBench, "rows">, number: number): Promise<number> {
  let pid: unknown;
  const sql = "select pid from pg_locks where locktype = 'advisory' and not granted and (classid, objid) = ($1, $2)";
  await waitFor(
    `somebody is at gate ${number}`,
    async () => {
      pid = (
        await rows(`${sql} and database = (select oid from pg_database where datname = current_database())`, [
          gateKey,
          number,
        ])
      )[0]?.["pid"];
      return pid !== undefined;
    },
    15_000,
  );
  return Number(pid);
}

/** Waits until the run that a backend works for has its second connection. */
export async function waitUntilWatched({ rows }: Pick<MigrateBench, "rows">, pid: number): Promise<void> {
  const others = `select from pg_stat_activity a join pg_stat_activity other using (application_name)
    where a.pid = $1 and other.pid <> a.pid and other.state = 'idle'`;
  await waitFor("the run is watched", async () => (await rows(others, [pid])).length === 1);
}

export async function waitUntilGone(
  { rows }: Pick<MigrateBench, "rows">,
  pid: number,
  timeoutMs?: number,
): Promise<void> {
  const isGone = async () => (await rows("select from pg_stat_activity where pid = $1", [pid])).length === 0;
  await waitFor(`backend ${pid} is gone`, isGone, timeoutMs);
}
