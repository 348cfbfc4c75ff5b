import { randomBytes } from "node:crypto";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type RoleKey, roleNames } from "#lib/contract.ts";
import type { SetupResult } from "#lib/protocol.ts";
import { type SetupOptions, setupRoles } from "#lib/migrate/roles/setup.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect, type Connection } from "#lib/postgres/connect.ts";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import { createTestDatabase, type OwnTestServer, startTestServer, type TestDatabase } from "./postgres.ts";

export const rolePasswords: Record<RoleKey, string> = {
  migrator: randomBytes(12).toString("hex"),
  app: randomBytes(12).toString("hex"),
  health: randomBytes(12).toString("hex"),
  readonly: randomBytes(12).toString("hex"),
  operator: randomBytes(12).toString("hex"),
};
export const readRolePasswords = async () => rolePasswords;
export const roleKeys = Object.keys(roleNames) as RoleKey[];
export const master = { user: "master", password: randomBytes(12).toString("hex") };

export type RolesBench = {
  readonly server: OwnTestServer;
  /** Of the present test: owned by the master, and nothing in it. */
  readonly database: TestDatabase;
  /** A connection that goes with the test. */
  readonly open: (address: DatabaseAddress) => Promise<Connection>;
  readonly openAs: (who: RoleKey | "master", on?: TestDatabase) => Promise<pg.Client>;
  readonly asSuperuser: (sql: string) => Promise<void>;
  readonly setup: (options?: Partial<SetupOptions>) => Promise<SetupResult>;
  /** Closes what `open` and `openAs` have opened so far: for a database that goes before the test ends. */
  readonly closeAll: () => Promise<void>;
};

/**
 * A server of the describe block's own, whose master is as on RDS: no superuser, CREATEROLE. Each test gets a database, and
 * none of the roles is there yet.
 */
export function useRolesBench(version: 16 | 18): RolesBench {
  let server: OwnTestServer;
  let database: TestDatabase;
  let stack: AsyncDisposableStack;

  beforeAll(async () => {
    server = await startTestServer({ version });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    database = await createTestDatabase(server);
    await asSuperuser(
      `create role ${master.user} login createrole createdb password '${master.password}';
       alter database ${database.name} owner to ${master.user}`,
    );
  });
  afterEach(async () => {
    await closeAll();
    await database[Symbol.asyncDispose]();
    const { client } = await open({ ...database.address, database: "postgres" });
    const { rows } = await client.query<{ rolname: string }>(
      "select rolname from pg_roles where rolname like 'postern\\_%' or rolname in ('rds_iam', 'other', 'master')",
    );
    await client.query(`drop role if exists ${rows.map((row) => row.rolname).join(", ")}`);
    await closeAll();
  });

  async function open(address: DatabaseAddress): Promise<Connection> {
    return stack.use(await connect(address, { applicationName: "roles test", retry: false }));
  }

  async function closeAll(): Promise<void> {
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
  }

  async function openAs(who: RoleKey | "master", on: TestDatabase = database): Promise<pg.Client> {
    const login = who === "master" ? master : { user: roleNames[who], password: rolePasswords[who] };
    return (await open({ ...on.address, ...login })).client;
  }

  async function asSuperuser(sql: string): Promise<void> {
    await using connection = await connect(database.address, { applicationName: "roles test" });
    await connection.client.query(sql);
  }

  async function setup(options: Partial<SetupOptions> = {}): Promise<SetupResult> {
    const readPasswords = readRolePasswords;
    return await setupRoles(await openAs("master"), { databaseName: database.name, readPasswords, ...options });
  }

  return {
    get server() {
      return server;
    },
    get database() {
      return database;
    },
    open,
    openAs,
    asSuperuser,
    setup,
    closeAll,
  };
}

export function codesOf(result: SetupResult): string[] {
  return result.findings.map(({ code }) => code);
}

/**
 * The SQLSTATE with which the server refuses, in a transaction that is rolled back. Privileges are what is looked at, not
 * the read-only default of some roles, which a session may change.
 */
export async function attempt(client: pg.Client, sql: string): Promise<string | undefined> {
  await client.query("begin read write");
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    return sqlStateOf(error) ?? String(error);
  } finally {
    await client.query("rollback");
  }
}
