import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockModes } from "#lib/migrate/hazards/hazard.ts";
import { judgeMigrations } from "#lib/migrate/plan/plan.ts";
import { collectNames, readFacts } from "#lib/migrate/hazards/read-facts.ts";
import { parseMigration } from "#lib/migrate/sql/parse-migration.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { makeMigration } from "../../support/migrations.ts";
import { createTestDatabase, startTestServer } from "../../support/postgres.ts";

/** Two tables that refer to each other, and one of everything that a statement below changes. */
const setup = `
  create table parent (id int primary key, note text);
  create table t (
    id int primary key, parent_id int, name varchar(20), price numeric(10, 2), n int, big bigint, body text,
    at timestamptz(3), checked int constraint checked_set check (checked is not null), day date, j json,
    loose int, addr cidr
  );
  insert into parent select g from generate_series(1, 100) g;
  insert into t (id, parent_id, name, price, n, checked, loose)
    select g, g, 'name', 1.5, g, g, g from generate_series(1, 100) g;
  alter table t add constraint loose_set check (loose is not null) not valid;
  alter table t add constraint later foreign key (parent_id) references parent not valid;
  create index t_n on t (n);
  create unique index t_big on t (big);
  create view v as select id from parent;
  create materialized view m as select id from parent;
  create unique index m_id on m (id);
  create table p (id int primary key) partition by range (id);
  create table p1 partition of p for values from (0) to (10);
  create table p2 (id int not null primary key);
  create function trigger_it() returns trigger language plpgsql as 'begin return new; end';
  create trigger trg before insert on t for each row execute function trigger_it();
  analyze;`;

const [ae, sre, sue, rex, share] = [
  "ACCESS EXCLUSIVE",
  "SHARE ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "ROW EXCLUSIVE",
  "SHARE",
] as const;

/** Each statement, and what is expected of table and work: said once, held against the plan and against the server. */
const claims = [
  ["alter table t add column c int", { t: `${ae}, none` }],
  ["alter table t add column c int not null default 7", { t: `${ae}, none` }],
  ["alter table t add column c timestamptz default now()", { t: `${ae}, none` }],
  ["alter table t add column c uuid default gen_random_uuid()", { t: `${ae}, rewrite` }],
  ["alter table t add column c float default random() * 2", { t: `${ae}, rewrite` }],
  ["alter table t add column c serial", { t: `${ae}, rewrite` }],
  ["alter table t add column c int generated always as identity", { t: `${ae}, rewrite` }],
  ["alter table t add column c int generated always as (n + 1) stored", { t: `${ae}, rewrite` }],
  ["alter table t add column c int unique", { t: `${ae}, build` }],
  ["alter table t add column c int check (c > 0)", { t: `${ae}, scan` }],
  ["alter table t add column c int references parent", { t: `${ae}, none`, parent: `${sre}, none` }],
  ["alter table t add column c int default 1 references parent", { t: `${ae}, scan`, parent: `${sre}, none` }],
  ["alter table t drop column n", { t: `${ae}, none` }],
  ["alter table t alter n set default 1", { t: `${ae}, none` }],
  ["alter table t alter n set not null", { t: `${ae}, scan` }],
  ["alter table t alter id set not null", { t: `${ae}, none` }],
  ["alter table t alter checked set not null", { t: `${ae}, none` }],
  ["alter table t alter loose set not null", { t: `${ae}, scan` }],
  ["alter table t alter n drop not null", { t: `${ae}, none` }],
  ["alter table t alter name type varchar(30)", { t: `${ae}, none` }],
  ["alter table t alter name type varchar", { t: `${ae}, none` }],
  ["alter table t alter name type text", { t: `${ae}, none` }],
  ["alter table t alter name type varchar(10)", { t: `${ae}, rewrite` }],
  ["alter table t alter body type varchar(10)", { t: `${ae}, rewrite` }],
  ["alter table t alter body type varchar", { t: `${ae}, none` }],
  ["alter table t alter price type numeric(12, 2)", { t: `${ae}, none` }],
  ["alter table t alter price type numeric", { t: `${ae}, none` }],
  ["alter table t alter price type numeric(12, 3)", { t: `${ae}, rewrite` }],
  ["alter table t alter price type numeric(8, 2)", { t: `${ae}, rewrite` }],
  ["alter table t alter n type bigint", { t: `${ae}, rewrite` }],
  ["alter table t alter big type int", { t: `${ae}, rewrite` }],
  ["alter table t alter at type timestamptz(6)", { t: `${ae}, none` }],
  ["alter table t alter at type timestamptz", { t: `${ae}, none` }],
  ["alter table t alter at type timestamptz(0)", { t: `${ae}, rewrite` }],
  ["alter table t alter addr type inet", { t: `${ae}, none` }],
  ["alter table t alter j type jsonb", { t: `${ae}, rewrite` }],
  ["alter table t alter day type timestamptz", { t: `${ae}, rewrite` }],
  ["alter table t alter n type int", { t: `${ae}, none` }],
  ["alter table t add constraint c check (n > 0)", { t: `${ae}, scan` }],
  ["alter table t add constraint c check (n > 0) not valid", { t: `${ae}, none` }],
  [
    "alter table t add constraint f foreign key (parent_id) references parent",
    { t: `${sre}, scan`, parent: `${sre}, none` },
  ],
  [
    "alter table t add constraint f foreign key (parent_id) references parent not valid",
    { t: `${sre}, none`, parent: `${sre}, none` },
  ],
  ["alter table t validate constraint loose_set", { t: `${sue}, scan` }],
  ["alter table t add constraint u unique (n)", { t: `${ae}, build` }],
  ["alter table t add constraint u unique using index t_big", { t: `${ae}, none` }],
  ["alter table t drop constraint checked_set", { t: `${ae}, none` }],
  ["alter table t set (fillfactor = 80)", { t: `${sue}, none` }],
  ["alter table t alter n set statistics 500", { t: `${sue}, none` }],
  ["alter table t alter body set storage external", { t: `${ae}, none` }],
  ["alter table t disable trigger trg", { t: `${sre}, none` }],
  ["alter table t enable row level security", { t: `${ae}, none` }],
  ["alter table t replica identity full", { t: `${ae}, none` }],
  ["alter table t owner to current_user", { t: `${ae}, none` }],
  ["alter table t set unlogged", { t: `${ae}, rewrite` }],
  ["alter table p attach partition p2 for values from (10) to (20)", { p: `${sue}, none`, p2: `${ae}, scan` }],
  ["alter table p detach partition p1", { p: `${ae}, none`, p1: `${ae}, none` }],
  ["create table p3 partition of p for values from (30) to (40)", { p: `${ae}, none` }],
  ["create table heir () inherits (t)", { t: `${sue}, none` }],
  ["create table child (id int references parent)", { parent: `${sre}, none` }],
  ["create index on t (name)", { t: `${share}, build` }],
  ["drop index t_n", { t: `${ae}, none` }],
  ["alter index t_n rename to t_m", {}],
  ["reindex table t", { t: `${share}, build` }],
  ["reindex index t_n", { t: `${share}, build` }],
  ["cluster t using t_pkey", { t: `${ae}, rewrite` }],
  ["create trigger trg2 before insert on t for each row execute function trigger_it()", { t: `${sre}, none` }],
  ["drop trigger trg on t", { t: `${ae}, none` }],
  ["create policy pol on t using (true)", { t: `${ae}, none` }],
  ["alter table t rename to t2", { t: `${ae}, none` }],
  ["alter table t rename n to n2", { t: `${ae}, none` }],
  ["create schema s; alter table t set schema s", { t: `${ae}, none` }],
  ["drop table t", { t: `${ae}, none`, parent: `${ae}, none` }],
  ["alter table t drop constraint later", { t: `${ae}, none`, parent: `${ae}, none` }],
  ["alter table t drop column parent_id", { t: `${ae}, none`, parent: `${ae}, none` }],
  ["drop view v", { v: `${ae}, none` }],
  ["truncate t", { t: `${ae}, rewrite` }],
  ["refresh materialized view m", { m: `${ae}, rewrite` }],
  ["refresh materialized view concurrently m", { m: "EXCLUSIVE, scan" }],
  ["lock table t", { t: `${ae}, none` }],
  ["lock table t in share mode", { t: `${share}, none` }],
  ["delete from t where id = 1", { t: `${rex}, scan` }],
  ["update t set n = 1", { t: `${rex}, scan` }],
  ["insert into t (id, checked, loose) values (1000, 1, 1)", { t: `${rex}, none` }],
  ["with gone as (delete from t returning id) select * from gone", { t: `${rex}, scan` }],
  ["create table fresh (id int); alter table fresh add column x uuid default gen_random_uuid()", {}],
] as const satisfies readonly (readonly [string, Readonly<Record<string, string>>])[];

/** The server says at DEBUG1 when it goes through the rows of a table. */
const workMessages = [
  [/^verifying table "(\w+)"/u, "scan"],
  [/^validating foreign key constraint/u, "scan"],
  [/^building index "\w+" on table "(\w+)"/u, "build"],
] as const;

/** Names of tables that existed before: for each the strongest lock from SHARE UPDATE EXCLUSIVE on, and the work. */
async function observe({ client }: Connection, statements: readonly string[]): Promise<Record<string, string>> {
  const messages: string[] = [];
  const listen = ({ message = "" }: { message?: string | undefined }) => messages.push(message);
  const filenodes = async () =>
    new Map(
      (
        await client.query<{ oid: number; name: string; node: string }>(
          `select c.oid, c.relname as name, coalesce(pg_relation_filenode(c.oid), 0) as node from pg_class c
           where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'm', 'v')`,
        )
      ).rows.map(({ oid, name, node }) => [oid, { name, node }]),
    );
  const before = await filenodes();
  await client.query("begin; set local client_min_messages = debug1");
  client.on("notice", listen);
  try {
    for (const statement of statements) await client.query(statement);
    client.off("notice", listen);
    const { rows: locks } = await client.query<{ relation: number; mode: string }>(
      "select relation, mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and granted",
    );
    const after = await filenodes();
    const seen: Record<string, string> = {};
    for (const [oid, { name, node }] of before) {
      const modes = new Set(locks.filter(({ relation }) => relation === oid).map(({ mode }) => readMode(mode)));
      const strongest = lockModes.findLast((mode) => modes.has(mode));
      if (strongest === undefined || lockModes.indexOf(strongest) < lockModes.indexOf("ROW EXCLUSIVE")) continue;
      const now = after.get(oid)?.node ?? node;
      seen[name] = `${strongest}, ${now === node ? workOn(name, messages) : "rewrite"}`;
    }
    return seen;
  } finally {
    client.off("notice", listen);
    await client.query("rollback");
  }
}

function readMode(mode: string): string {
  return mode
    .replace(/Lock$/u, "")
    .replaceAll(/(?<=[a-z])(?=[A-Z])/gu, " ")
    .toUpperCase();
}

function workOn(table: string, messages: readonly string[]): string {
  for (const message of messages) {
    for (const [pattern, work] of workMessages) {
      const found = pattern.exec(message);
      if (found !== null && (found[1] ?? "t") === table) return work;
    }
  }
  return "none";
}

/** DML reads its rows without a word at DEBUG1, and so does what only reads a materialized view. */
const unobservable = new Set([`${rex}, scan`, "EXCLUSIVE, scan"]);

describe.each([18, 16] as const)("what the plan says of locks and work is what PostgreSQL %i does", (version) => {
  let stack: AsyncDisposableStack;
  let connection: Connection;
  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    const server = version === 18 ? undefined : stack.use(await startTestServer({ version }));
    const database = stack.use(await createTestDatabase(server));
    connection = stack.use(await connect(database.address, { applicationName: "test" }));
    await connection.client.query(setup);
  });
  afterAll(async () => stack.disposeAsync());

  it.each(claims)("%s: %o", async (sql, expected) => {
    const migration = await parseMigration(makeMigration(sql));
    const trees = migration.statements.map(({ node }) => node);
    const [planned] = await judgeMigrations([migration], await readFacts(connection.client, collectNames(trees)));
    const texts = migration.statements.map(({ text }) => text);
    expect(strongestOf(planned?.steps.flatMap(({ locks }) => locks) ?? [])).toEqual(expected);
    const observable = Object.entries(expected).map(([table, claim]) => [
      table,
      unobservable.has(claim) ? claim.replace("scan", "none") : claim,
    ]);
    expect(await observe(connection, texts)).toEqual(Object.fromEntries(observable));
  });
});

function strongestOf(locks: readonly { table: string; mode: string; work: string }[]): Record<string, string> {
  const works = ["none", "scan", "build", "rewrite"];
  const byTable = Map.groupBy(locks, ({ table }) => table.replace("public.", ""));
  return Object.fromEntries(
    [...byTable].map(([table, those]) => {
      const mode = lockModes.findLast((one) => those.some((lock) => lock.mode === one));
      const work = works.findLast((one) => those.some((lock) => lock.work === one));
      return [table, `${mode}, ${work}`];
    }),
  );
}
