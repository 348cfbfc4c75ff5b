import { join } from "node:path";
import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type RoleKey, roleNames } from "#lib/contract.ts";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { startPostgresServer, superuserAddress } from "#lib/local/postgres/server.ts";
import { readStatus } from "#lib/migrate/status.ts";
import { ensureLedger } from "#lib/migrate/ledger/ledger.ts";
import { setupRoles } from "#lib/migrate/roles/setup.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createTestDatabase } from "../support/postgres.ts";
import {
  attempt,
  codesOf,
  master,
  readRolePasswords,
  roleKeys,
  rolePasswords,
  useRolesBench,
} from "../support/roles.ts";
import { makeDataFolder } from "../support/run-folder.ts";

describe.each([16, 18] as const)("roles on PostgreSQL %i, with a master as on RDS", (version) => {
  const bench = useRolesBench(version);
  const { open, openAs, asSuperuser, setup, closeAll } = bench;

  test("every role is made once, and logs in with its password over SCRAM", async () => {
    const first = await setup();
    expect(first.roles).toEqual(roleKeys.map((key) => ({ role: roleNames[key], created: true, login: "password" })));
    const second = await setup();
    expect(second.roles).toEqual(roleKeys.map((key) => ({ role: roleNames[key], created: false, login: "password" })));
    for (const key of roleKeys) {
      const { rows } = await (await openAs(key)).query<{ name: string }>("select current_user as name");
      expect(rows).toEqual([{ name: roleNames[key] }]);
    }
    const wrong = open({ ...bench.database.address, user: roleNames.app, password: "wrong" });
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
    await ensureLedger(migrator, "journal");
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

  test.each(["ledger", "setup"])(
    "what an earlier release let health and readonly read goes with the next %s",
    async (what) => {
      await setup();
      const migrator = await openAs("migrator");
      await ensureLedger(migrator, "journal");
      await asSuperuser(
        `grant select on all tables in schema postern to postern_health, postern_readonly;
       alter default privileges for role postern_migrator in schema postern grant select on tables to postern_health;
       drop index postern.runs_started_at_idx; update postern.ledger_version set version = version - 1`,
      );
      await (what === "ledger" ? ensureLedger(migrator, "journal") : setup());
      for (const who of ["health", "readonly"] as const) {
        const client = await openAs(who);
        for (const table of ["runs", "lease", "seed_files"]) {
          expect(await attempt(client, `select from postern.${table}`)).toBe("42501");
        }
        expect(await readStatus(client, { migrations: [], format: "journal" })).toMatchObject({ pending: [] });
      }
    },
  );

  test("status of health and readonly tells of half-applied migrations", async () => {
    await setup();
    const migrator = await openAs("migrator");
    await ensureLedger(migrator, "journal");
    await migrator.query(
      `insert into postern.runs (run_id, action, requested_by) values ('r', 'migrate', 'test');
       insert into postern.migration_steps (tag, step, checksum, state, run_id) values ('a', 1, 'c', 'done', 'r')`,
    );
    for (const who of ["health", "readonly"] as const) {
      const status = await readStatus(await openAs(who), { migrations: [], format: "journal" });
      expect(status.halfApplied).toEqual([{ tag: "a", statements: 1 }]);
    }
  });

  test("the second setup changes nothing but the salts", async () => {
    await setup();
    await ensureLedger(await openAs("migrator"), "journal");
    await (await openAs("migrator")).query("create table orders (id bigint primary key)");
    await setup();
    const before = await readPrivileges();
    await setup();
    expect(await readPrivileges()).toEqual(before);
  });

  /** All that setup touches, as the catalogs hold it. */
  async function readPrivileges(): Promise<unknown[]> {
    const { client } = await open(bench.database.address);
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
      async (client) =>
        await setupRoles(client, { databaseName: bench.database.name, readPasswords: readRolePasswords }),
    );
    const created = (await Promise.all(both)).map(({ roles }) => roles.filter((role) => role.created).length);
    expect(new Set(created)).toEqual(new Set([0, roleKeys.length]));
  });

  test("setups of two databases of one server at once both succeed", async () => {
    await using other = await createTestDatabase(bench.server);
    await asSuperuser(`alter database ${other.name} owner to ${master.user}`);
    for (let round = 0; round < 5; round += 1) {
      const clients = [await openAs("master"), await openAs("master", other)] as const;
      const results = await Promise.all([
        setupRoles(clients[0], { databaseName: bench.database.name, readPasswords: readRolePasswords }),
        setupRoles(clients[1], { databaseName: other.name, readPasswords: readRolePasswords }),
      ]);
      expect(results.map(codesOf)).toEqual([["role.no-stats"], ["role.no-stats"]]);
    }
    await closeAll();
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
    const { client } = await open(bench.database.address);
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
    const { readonly: _, ...others } = rolePasswords;
    const { roles } = await setup({ readPasswords: async () => others });
    expect(roles).toContainEqual({ role: "postern_readonly", created: true, login: "none" });
    await expect(openAs("readonly")).rejects.toMatchObject({ sqlState: expect.stringMatching(/^28/) });
  });

  test("the migrator sees other people's queries where the master may grant that, else it is a finding", async () => {
    expect(codesOf(await setup())).toEqual(["role.no-stats"]);
    await asSuperuser("grant pg_read_all_stats to master with admin option");
    expect(codesOf(await setup())).toEqual([]);
    const { rows } = await (
      await openAs("migrator")
    ).query("select count(*)::int as hidden from pg_stat_activity where query = '<insufficient privilege>'");
    expect(rows).toEqual([{ hidden: 0 }]);
  });

  test("a schema that a migration makes is the application's at once", async () => {
    await setup();
    const migrator = await openAs("migrator");
    await migrator.query(
      `create schema billing; create table billing.invoices (id serial primary key, note text);
       create function billing.total() returns bigint language sql as 'select count(*) from billing.invoices'`,
    );
    await (await openAs("app")).query("insert into billing.invoices (note) values ('x'); select billing.total()");
    await (await openAs("operator")).query("update billing.invoices set note = 'y'");
    await (await openAs("readonly")).query("select note from billing.invoices");
    expect(await attempt(await openAs("readonly"), "insert into billing.invoices default values")).toBe("42501");
    expect(await attempt(await openAs("health"), "select from billing.invoices")).toBe("42501");
  });

  test("the ledger stays closed, whoever makes it and whenever", async () => {
    await setup();
    // As `drizzle-kit migrate` does, before the first run.
    const migrator = await openAs("migrator");
    await migrator.query(
      "create table drizzle.__drizzle_migrations (id serial primary key, hash text, created_at bigint)",
    );
    const writes = [
      "delete from drizzle.__drizzle_migrations",
      "delete from postern.runs",
      "select setval('drizzle.__drizzle_migrations_id_seq', 1)",
    ];
    const refusals = async () => {
      const found: (string | undefined)[] = [];
      for (const who of ["app", "operator", "readonly", "health"] as const) {
        for (const sql of writes) found.push(await attempt(await openAs(who), sql));
      }
      return found;
    };
    await ensureLedger(migrator, "journal");
    expect(new Set(await refusals())).toEqual(new Set(["42501"]));
    await asSuperuser("grant all on all tables in schema postern, drizzle to postern_operator, postern_health");
    await asSuperuser("grant all on all sequences in schema drizzle to postern_operator, postern_health");
    await setup();
    expect(new Set(await refusals())).toEqual(new Set(["42501"]));
  });

  test.each(["migrator", "readonly", "operator"] as const)(
    "%s that is killed leaves no statement behind",
    async (key) => {
      await setup();
      const killed = await openAs(key);
      const { rows } = await killed.query<{ pid: number }>("select pg_backend_pid() as pid");
      const asleep = killed.query("select pg_sleep(600)").catch(() => undefined);
      const { client } = await open(bench.database.address);
      const backends = async () =>
        (await client.query("select from pg_stat_activity where pid = $1 and state = 'active'", [rows[0]?.pid]))
          .rowCount;
      await expect.poll(backends).toBe(1);
      // As when the process dies: the socket closes and no goodbye is said.
      killed.connection.stream.destroy();
      await expect.poll(backends, { timeout: 5000 }).toBe(0);
      await asleep;
    },
  );

  test("a master that does not own the database gets a clear error, and nothing is kept", async () => {
    await asSuperuser(`alter database ${bench.database.name} owner to postgres`);
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

type Action = { readonly action: string; readonly sql: string; readonly allowed: readonly RoleKey[] };

/** What each role may do after setup, once the migrator has made two tables, a view and a function. */
const actions: readonly Action[] = [
  { action: "create a schema", sql: "create schema another", allowed: ["migrator"] },
  { action: "create a table", sql: "create table public.another (id integer)", allowed: ["migrator"] },
  { action: "alter a table", sql: "alter table public.orders add column more text", allowed: ["migrator"] },
  { action: "drop a table", sql: "drop table public.orders cascade", allowed: ["migrator"] },
  { action: "truncate a table", sql: "truncate public.orders", allowed: ["migrator"] },
  {
    action: "create a function",
    sql: "create function public.f() returns void language sql as ''",
    allowed: ["migrator"],
  },
  {
    action: "read a table",
    sql: "select note from public.orders",
    allowed: ["migrator", "app", "readonly", "operator"],
  },
  {
    action: "read a view",
    sql: "select note from public.order_notes",
    allowed: ["migrator", "app", "readonly", "operator"],
  },
  { action: "insert", sql: "insert into public.orders (note) values ('x')", allowed: ["migrator", "app", "operator"] },
  {
    action: "insert with a serial",
    sql: "insert into public.tickets default values",
    allowed: ["migrator", "app", "operator"],
  },
  { action: "update", sql: "update public.orders set note = 'y'", allowed: ["migrator", "app", "operator"] },
  { action: "delete", sql: "delete from public.orders", allowed: ["migrator", "app", "operator"] },
  { action: "call a function", sql: "select public.add_one(1)", allowed: ["migrator", "app", "operator"] },
  {
    action: "create a temporary table",
    sql: "create temporary table t (id integer)",
    allowed: ["migrator", "app", "operator"],
  },
  {
    action: "read the ledger",
    sql: "select from postern.runs",
    allowed: ["migrator", "operator"],
  },
  {
    action: "read what has run of a migration",
    sql: "select tag, step, checksum, state from postern.migration_steps",
    allowed: ["migrator", "health", "readonly", "operator"],
  },
  {
    action: "read when migrations were applied",
    sql: "select tag, checksum, ended_at, outcome from postern.run_migrations",
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
  const folder = await makeDataFolder();
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
  const address = superuserAddress(server);
  await using connection = await connect(address, { applicationName: "roles test" });
  await setupRoles(connection.client, { databaseName: "postgres", readPasswords: readRolePasswords });
  await expect.poll(() => lines.some((line) => line.includes("alter role"))).toBe(true);
  const log = lines.join("\n");
  expect(log).toContain("SCRAM-SHA-256$4096:");
  for (const password of Object.values(rolePasswords)) expect(log).not.toContain(password);
});
