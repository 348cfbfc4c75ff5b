import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RoleKey, roleNames, type SetupResult } from "#lib/contract.ts";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { startPostgresServer } from "#lib/local/postgres/server.ts";
import { ensureLedger } from "#lib/migrate/ledger.ts";
import { type SetupOptions, setupRoles } from "#lib/migrate/roles/setup.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import {
  createTestDatabase,
  makeTestFolder,
  type OwnTestServer,
  startTestServer,
  type TestDatabase,
} from "../support/postgres.ts";

const passwords: Record<RoleKey, string> = {
  migrator: randomBytes(12).toString("hex"),
  app: randomBytes(12).toString("hex"),
  health: randomBytes(12).toString("hex"),
  readonly: randomBytes(12).toString("hex"),
  operator: randomBytes(12).toString("hex"),
};
const master = { user: "master", password: randomBytes(12).toString("hex") };
const roleKeys = Object.keys(roleNames) as RoleKey[];
const readPasswords = async () => passwords;

describe.each([16, 18] as const)("roles on PostgreSQL %i, with a master as on RDS", (version) => {
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
    await stack.disposeAsync();
    await database[Symbol.asyncDispose]();
    const { client } = await open({ ...database.address, database: "postgres" });
    const { rows } = await client.query<{ rolname: string }>(
      "select rolname from pg_roles where rolname like 'postern\\_%' or rolname in ('rds_iam', 'other', 'master')",
    );
    await client.query(`drop role if exists ${rows.map((row) => row.rolname).join(", ")}`);
    await stack.disposeAsync();
  });

  async function open(address: DatabaseAddress) {
    if (stack.disposed) stack = new AsyncDisposableStack();
    return stack.use(await connect(address, { applicationName: "roles test", retry: false }));
  }

  async function openAs(who: RoleKey | "master", on: TestDatabase = database): Promise<pg.Client> {
    const login = who === "master" ? master : { user: roleNames[who], password: passwords[who] };
    return (await open({ ...on.address, ...login })).client;
  }

  async function asSuperuser(sql: string): Promise<void> {
    await using connection = await connect(database.address, { applicationName: "roles test" });
    await connection.client.query(sql);
  }

  async function setup(options: Partial<SetupOptions> = {}): Promise<SetupResult> {
    return await setupRoles(await openAs("master"), { databaseName: database.name, readPasswords, ...options });
  }

  test("every role is made once, and logs in with its password over SCRAM", async () => {
    const first = await setup();
    expect(first.roles).toEqual(roleKeys.map((key) => ({ role: roleNames[key], created: true, login: "password" })));
    const second = await setup();
    expect(second.roles).toEqual(roleKeys.map((key) => ({ role: roleNames[key], created: false, login: "password" })));
    for (const key of roleKeys) {
      const { rows } = await (await openAs(key)).query<{ name: string }>("select current_user as name");
      expect(rows).toEqual([{ name: roleNames[key] }]);
    }
    const wrong = open({ ...database.address, user: roleNames.app, password: "wrong" });
    await expect(wrong).rejects.toMatchObject({ code: "auth.rejected" });
  });

  test("each role may do what it is for, and nothing else", async () => {
    await setup();
    const migrator = await openAs("migrator");
    await migrator.query(
      `create table orders (id bigint generated always as identity primary key, note text);
       create table tickets (id serial primary key);
       create function add_one(integer) returns integer language sql as 'select $1 + 1';
       create view order_notes as select note from orders`,
    );
    await ensureLedger(migrator);
    const allowed = new Map<string, RoleKey[]>(actions.map(({ action }) => [action, []]));
    const refusals = new Set<string>();
    for (const key of roleKeys) {
      const client = await openAs(key);
      for (const { action, sql } of actions) {
        const refusal = await attempt(client, sql);
        if (refusal === undefined) allowed.get(action)?.push(key);
        else refusals.add(refusal);
      }
    }
    expect(Object.fromEntries(allowed)).toEqual(Object.fromEntries(actions.map((one) => [one.action, one.allowed])));
    expect([...refusals]).toEqual(["42501"]);
  });

  test("the second setup changes nothing but the salts", async () => {
    await setup();
    await ensureLedger(await openAs("migrator"));
    await (await openAs("migrator")).query("create table orders (id bigint primary key)");
    await setup();
    const before = await readPrivileges();
    await setup();
    expect(await readPrivileges()).toEqual(before);
  });

  /** All that setup touches, as the catalogs hold it. */
  async function readPrivileges(): Promise<unknown[]> {
    const { client } = await open(database.address);
    const { rows } = await client.query<Record<string, unknown>>(
      `select 'role' as kind, rolname::text as name, (to_jsonb(r) - 'oid')::text as state from pg_roles r
         where rolname like 'postern%' or rolname = 'master'
       union all select 'member', roleid::regrole::text || ' in ' || member::regrole::text || ' by ' || grantor::regrole::text,
         concat(admin_option, inherit_option, set_option) from pg_auth_members
       union all select 'database', datname, datacl::text from pg_database where datname = current_database()
       union all select 'schema', nspname, concat(nspowner::regrole, nspacl) from pg_namespace
       union all select 'object', oid::regclass::text, concat(relowner::regrole, relacl) from pg_class
       union all select 'default', concat(defaclnamespace::regnamespace, defaclobjtype), defaclacl::text from pg_default_acl
       order by 1, 2`,
    );
    return rows;
  }

  test("the master keeps no membership in the migrator beyond the right to administer it", async () => {
    await setup();
    const client = await openAs("master");
    const { rows } = await client.query(
      "select pg_has_role('postern_migrator', 'USAGE') as inherits, pg_has_role('postern_migrator', 'SET') as may_set",
    );
    expect(rows).toEqual([{ inherits: false, may_set: false }]);
  });

  test("two setups at once both succeed", async () => {
    const clients = [await openAs("master"), await openAs("master")];
    const both = clients.map(
      async (client) => await setupRoles(client, { databaseName: database.name, readPasswords }),
    );
    const created = (await Promise.all(both)).map(({ roles }) => roles.filter((role) => role.created).length);
    expect(new Set(created)).toEqual(new Set([0, roleKeys.length]));
  });

  test("setups of two databases of one server at once both succeed", async () => {
    await using other = await createTestDatabase(server);
    await asSuperuser(`alter database ${other.name} owner to ${master.user}`);
    for (let round = 0; round < 5; round += 1) {
      const clients = [await openAs("master"), await openAs("master", other)] as const;
      const results = await Promise.all([
        setupRoles(clients[0], { databaseName: database.name, readPasswords }),
        setupRoles(clients[1], { databaseName: other.name, readPasswords }),
      ]);
      expect(results.map(codes)).toEqual([["role.no-stats"], ["role.no-stats"]]);
    }
    await stack.disposeAsync();
  });

  test("where rds_iam exists, people log in with it and have no password", async () => {
    await asSuperuser("create role rds_iam; grant rds_iam to master with admin option");
    const { roles } = await setup();
    const logins = Object.fromEntries(roles.map(({ role, login }) => [role, login]));
    expect(logins).toEqual({
      postern_migrator: "password",
      postern_app: "password",
      postern_health: "password",
      postern_readonly: "iam",
      postern_operator: "iam",
    });
    const { client } = await open(database.address);
    const { rows } = await client.query(
      `select rolname, rolpassword is null as without_password, pg_has_role(oid, 'rds_iam', 'MEMBER') as iam, rolcanlogin
       from pg_authid where rolname in ('postern_readonly', 'postern_app') order by 1`,
    );
    expect(rows).toEqual([
      { rolname: "postern_app", without_password: false, iam: false, rolcanlogin: true },
      { rolname: "postern_readonly", without_password: true, iam: true, rolcanlogin: true },
    ]);
  });

  test("a role without a password and without IAM cannot log in", async () => {
    const { readonly: _, ...others } = passwords;
    const { roles } = await setup({ readPasswords: async () => others });
    expect(roles).toContainEqual({ role: "postern_readonly", created: true, login: "none" });
    await expect(openAs("readonly")).rejects.toMatchObject({ sqlState: expect.stringMatching(/^28/) });
  });

  test("the migrator sees other people's queries where the master may grant that, else it is a finding", async () => {
    expect(codes(await setup())).toEqual(["role.no-stats"]);
    await asSuperuser("grant pg_read_all_stats to master with admin option");
    expect(codes(await setup())).toEqual([]);
    const { rows } = await (
      await openAs("migrator")
    ).query("select count(*)::int as hidden from pg_stat_activity where query = '<insufficient privilege>'");
    expect(rows).toEqual([{ hidden: 0 }]);
  });

  test("in an adopted database the migrator may alter the master's objects, and the master goes on working", async () => {
    const asMaster = await openAs("master");
    await asMaster.query(
      `create type mood as enum ('calm', 'busy');
       create table orders (id serial primary key, number bigint generated always as identity, mood mood);
       create table lines (order_id integer not null constraint lines_order_id_fkey references orders);
       create view calm_orders as select id from orders where mood = 'calm';
       create sequence tickets;
       create function greet(name text default 'you') returns text language sql as $$select 'hi ' || name$$;
       create procedure tidy() language sql as 'delete from lines';
       insert into orders (mood) values ('calm');
       create schema drizzle;
       create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`,
    );
    const result = await setup();
    expect(codes(result)).toEqual(["role.no-stats", "objects.adopted", "objects.adopted"]);

    const migrator = await openAs("migrator");
    await migrator.query(
      `alter table orders add column note text;
       alter type mood add value 'lost';
       alter sequence tickets restart;
       create or replace view calm_orders as select id, mood from orders;
       create or replace function greet(name text default 'you') returns text language sql as $$select 'ho ' || name$$;
       insert into drizzle.__drizzle_migrations (hash) values ('x')`,
    );
    await ensureLedger(migrator);
    await asMaster.query(
      `insert into orders (mood) values ('busy'); select nextval('tickets'), greet(); call tidy();
       create table made_later (id integer)`,
    );
    const app = await openAs("app");
    await app.query("insert into orders (mood) values ('busy'); select nextval('tickets'), greet() from calm_orders");
    expect(codes(await setup())).toEqual(["role.no-stats", "objects.adopted"]);
    await migrator.query("alter table made_later add column note text");
  });

  test("objects and schemas of someone else are left alone and reported", async () => {
    await asSuperuser(
      `create role other; grant create on schema public to other; create schema theirs authorization other;
       set role other; create table public.alien (id integer); create table theirs.thing (id integer); reset role`,
    );
    const result = await setup({ schemas: ["public", "theirs"] });
    expect(codes(result)).toEqual(["role.no-stats", "objects.foreign", "schema.foreign"]);
    expect(result.findings[1]?.message).toContain("belong to other");
    const { client } = await open(database.address);
    const { rows } = await client.query("select tableowner from pg_tables where tablename in ('alien', 'thing')");
    expect(rows).toEqual([{ tableowner: "other" }, { tableowner: "other" }]);
    await asSuperuser("drop owned by other cascade");
  });

  test("a further schema of the application is made and gets the same privileges", async () => {
    await setup({ schemas: ["public", "shop"] });
    await (await openAs("migrator")).query("create table shop.items (id integer)");
    await (await openAs("app")).query("insert into shop.items values (1)");
    await expect((await openAs("health")).query("select from shop.items")).rejects.toMatchObject({ code: "42501" });
  });

  test("a master that does not own the database gets a clear error, and nothing is kept", async () => {
    await asSuperuser(`alter database ${database.name} owner to postgres`);
    await expect(setup()).rejects.toMatchObject({ code: "db.permission", sqlState: "42501" });
    const { rows } = await (await openAs("master")).query("select from pg_roles where rolname like 'postern%'");
    expect(rows).toHaveLength(0);
  });

  test("health and readonly bring their own limits into every session", async () => {
    await setup();
    const health = await openAs("health");
    await expect(health.query("select pg_sleep(10)")).rejects.toMatchObject({ code: "57014" });
    const { rows } = await (await openAs("readonly")).query("show default_transaction_read_only");
    expect(rows).toEqual([{ default_transaction_read_only: "on" }]);
  });
});

function codes(result: SetupResult): string[] {
  return result.findings.map(({ code }) => code);
}

/**
 * The SQLSTATE with which the server refuses, in a transaction that is rolled back. Privileges are what is looked at, not
 * the read-only default of some roles, which a session may change.
 */
async function attempt(client: pg.Client, sql: string): Promise<string | undefined> {
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

type Action = { readonly action: string; readonly sql: string; readonly allowed: readonly RoleKey[] };

/** What each role may do after setup, once the migrator has made two tables, a view and a function. */
const actions: readonly Action[] = [
  { action: "create a schema", sql: "create schema another", allowed: ["migrator"] },
  { action: "create a table", sql: "create table public.another (id integer)", allowed: ["migrator"] },
  { action: "alter a table", sql: "alter table orders add column more text", allowed: ["migrator"] },
  { action: "drop a table", sql: "drop table orders cascade", allowed: ["migrator"] },
  { action: "truncate a table", sql: "truncate orders", allowed: ["migrator"] },
  { action: "create a function", sql: "create function f() returns void language sql as ''", allowed: ["migrator"] },
  { action: "read a table", sql: "select note from orders", allowed: ["migrator", "app", "readonly", "operator"] },
  { action: "read a view", sql: "select note from order_notes", allowed: ["migrator", "app", "readonly", "operator"] },
  { action: "insert", sql: "insert into orders (note) values ('x')", allowed: ["migrator", "app", "operator"] },
  {
    action: "insert with a serial",
    sql: "insert into tickets default values",
    allowed: ["migrator", "app", "operator"],
  },
  { action: "update", sql: "update orders set note = 'y'", allowed: ["migrator", "app", "operator"] },
  { action: "delete", sql: "delete from orders", allowed: ["migrator", "app", "operator"] },
  { action: "call a function", sql: "select add_one(1)", allowed: ["migrator", "app", "operator"] },
  {
    action: "create a temporary table",
    sql: "create temporary table t (id integer)",
    allowed: ["migrator", "app", "operator"],
  },
  {
    action: "read the ledger",
    sql: "select from postern.runs",
    allowed: ["migrator", "health", "readonly", "operator"],
  },
  {
    action: "read drizzle's table",
    sql: "select from drizzle.__drizzle_migrations",
    allowed: ["migrator", "health", "readonly", "operator"],
  },
  { action: "write the ledger", sql: "delete from postern.runs", allowed: ["migrator"] },
  { action: "write drizzle's table", sql: "delete from drizzle.__drizzle_migrations", allowed: ["migrator"] },
  { action: "become the migrator", sql: "set local role postern_migrator", allowed: ["migrator"] },
  { action: "create a role", sql: "create role intruder", allowed: [] },
  { action: "read password verifiers", sql: "select from pg_authid", allowed: [] },
];

test("no password ever reaches the server's log, whatever it logs", async () => {
  const folder = await makeTestFolder();
  const dataDir = join(folder, "postgres");
  const lines: string[] = [];
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => await rm(folder, { recursive: true, force: true }));
  cleanup.defer(async () => await removePostgresData(dataDir));
  const server = cleanup.use(
    await startPostgresServer({
      dataDir,
      port: 0,
      durable: false,
      settings: { log_statement: "all", log_min_duration_statement: "0", log_min_error_statement: "error" },
      onLog: (line) => lines.push(line),
    }),
  );
  const address: DatabaseAddress = {
    host: server.host,
    port: server.port,
    database: "postgres",
    user: server.superuser,
    password: server.password,
    sslMode: "verify-full",
    ca: [server.caPem],
  };
  await using connection = await connect(address, { applicationName: "roles test" });
  await setupRoles(connection.client, { databaseName: "postgres", readPasswords });
  await expect.poll(() => lines.some((line) => line.includes("alter role"))).toBe(true);
  const log = lines.join("\n");
  expect(log).toContain("SCRAM-SHA-256$4096:");
  for (const password of Object.values(passwords)) expect(log).not.toContain(password);
});
