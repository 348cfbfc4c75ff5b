import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSchema } from "#lib/bundle/push.ts";
import { requestCancel } from "#lib/migrate/ledger/ledger.ts";
import { migrate } from "#lib/migrate/migrate.ts";
import { push, type PushOptions } from "#lib/migrate/push/push.ts";
import type { Rename } from "#lib/migrate/push/renames.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { connect } from "#lib/postgres/connect.ts";
import { repositoryRoot } from "../../support/command-line.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { openRun } from "../../support/run-connections.ts";
import { waitFor } from "../../support/wait-for.ts";
import { makeSchemaFolder, type SchemaFolder } from "../../support/schema-folder.ts";
import type { PushResult } from "#lib/migrate/push/result.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: SchemaFolder;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeSchemaFolder());
});
afterEach(async () => await stack.disposeAsync());

const migrationsDir = join(repositoryRoot, "migrations");

async function pushFile(schemaFile: string, options: Partial<PushOptions> = {}): Promise<PushResult> {
  await using schema = await openSchema(schemaFile, folder.renamesFile);
  const run = { runId: options.runId ?? randomUUID(), requestedBy: "test" };
  await using connections = await openRun(database.address, run.runId);
  const { kit, renames } = schema;
  return await push(connections, { kit, renames, ...run, ...options });
}

/** Writes the exports as the schema file and pushes it. */
async function pushSchema(exports: string, options: Partial<PushOptions> = {}, renames?: readonly Rename[]) {
  await folder.write(exports, renames);
  return await pushFile(folder.schemaFile, options);
}

async function query(sql: string): Promise<unknown[]> {
  await using connection = await connect(database.address, { applicationName: "push test" });
  return (await connection.client.query<Record<string, unknown>>(sql)).rows;
}

const policy = (using: string) => `export const notes = pg.pgTable("notes", { owner: pg.text("owner") },
  () => [pg.pgPolicy("own", { for: "select", to: "public"${using} })]);`;

const codesOf = ({ statements }: PushResult) => statements.flatMap(({ hazards }) => hazards.map(({ code }) => code));

async function migrateShop(): Promise<void> {
  const runId = randomUUID();
  await using connections = await openRun(database.address, runId);
  await migrate(connections, { folder: await readMigrations(migrationsDir), runId, requestedBy: "test" });
}

const customers = (columns: string) =>
  `export const customers = pg.pgTable("customers", { id: pg.integer("id").primaryKey(), ${columns} });`;
const plain = customers('name: pg.text("name"), total: pg.numeric("total", { precision: 12, scale: 2 })');
const fill = "insert into customers values (1, 'Ada', 12.34), (2, 'Grace', 56.78)";
const rows = [
  { id: 1, name: "Ada", total: "12.34" },
  { id: 2, name: "Grace", total: "56.78" },
];

describe("the shop's schema file", () => {
  const schemaFile = join(migrationsDir, "schema.ts");

  test("is what its migrations make: pushing after migrating changes nothing", async () => {
    await migrateShop();
    const result = await pushFile(schemaFile);
    expect(result).toMatchObject({ status: "up-to-date", findings: [] });
    expect(result.unmanaged).toEqual([]);
  });

  test("makes an empty database, and pushed again changes nothing", async () => {
    const first = await pushFile(schemaFile);
    expect(first).toMatchObject({ status: "pushed", findings: [] });
    expect(await query("select count(*)::int as n from pg_tables where schemaname = 'public'")).toEqual([{ n: 7 }]);
    expect(await pushFile(schemaFile)).toMatchObject({ status: "up-to-date" });
  });
});

describe("a push", () => {
  beforeEach(async () => {
    await pushSchema(plain);
    await query(fill);
  });

  test("adds a column, says so, and a second one does nothing", async () => {
    const added = customers(
      'name: pg.text("name"), total: pg.numeric("total", { precision: 12, scale: 2 }), note: pg.text("note")',
    );
    const result = await pushSchema(added);
    expect(result).toMatchObject({ status: "pushed", reemitted: [], statements: [{ executed: true, hazards: [] }] });
    expect(await query("select id, note from customers order by id")).toEqual([
      { id: 1, note: null },
      { id: 2, note: null },
    ]);
    expect(await pushSchema(added)).toMatchObject({ status: "up-to-date", statements: [] });
  });

  test.each([
    ["a column is dropped", customers('name: pg.text("name")'), "drop.column"],
    [
      "a type is narrowed, which drizzle-kit calls no loss",
      customers('name: pg.text("name"), total: pg.numeric("total", { precision: 12, scale: 1 })'),
      "type.narrowing",
    ],
    [
      "a required column without a default would empty the table",
      customers(
        'name: pg.text("name"), total: pg.numeric("total", { precision: 12, scale: 2 }), vip: pg.boolean("vip").notNull()',
      ),
      "truncate",
    ],
  ])("is refused, and changes nothing, when %s", async (_case, exports, hazard) => {
    const result = await pushSchema(exports);
    expect(result).toMatchObject({ status: "refused", error: { code: "push.data-loss" } });
    expect(codesOf(result)).toContain(hazard);
    expect(result.statements.every(({ executed }) => !executed)).toBe(true);
    expect(result.error?.message).toContain(result.statements[0]?.sql);
    expect(await query("select * from customers order by id")).toEqual(rows);
    const accepted = await pushSchema(exports, { acceptDataLoss: true });
    expect(accepted).toMatchObject({ status: "pushed", reemitted: [] });
    expect(await pushSchema(exports)).toMatchObject({ status: "up-to-date" });
  });

  test("keeps the rows of a table whose column gets another type, accepted or harmless", async () => {
    await pushSchema(customers('name: pg.text("name"), total: pg.integer("total")'), { acceptDataLoss: true });
    expect(await query("select total from customers order by id")).toEqual([{ total: 12 }, { total: 57 }]);
    const wider = await pushSchema(customers('name: pg.text("name"), total: pg.bigint("total", { mode: "number" })'));
    expect(wider).toMatchObject({ status: "pushed" });
    expect(await query("select count(*)::int as n from customers")).toEqual([{ n: 2 }]);
  });

  test("adds a unique constraint to a table with rows without asking, and never empties the table", async () => {
    const unique =
      'name: pg.text("name").unique("customers_name_key"), total: pg.numeric("total", { precision: 12, scale: 2 })';
    expect(await pushSchema(customers(unique))).toMatchObject({ status: "pushed" });
    expect(await query("select * from customers order by id")).toEqual(rows);
    await query("alter table customers drop constraint customers_name_key; update customers set name = 'Ada'");
    const failed = await pushSchema(customers(`${unique}, note: pg.text("note")`));
    expect(failed).toMatchObject({ status: "failed", error: { code: "push.failed", sqlState: "23505" } });
    expect(await query("select * from customers where id = 2")).toEqual([{ ...rows[1], name: "Ada" }]);
  });

  test("plans without changing anything on a dry run", async () => {
    const result = await pushSchema(customers('name: pg.text("name")'), { dryRun: true });
    expect(result).toMatchObject({ status: "planned", statements: [{ executed: false }] });
    expect(codesOf(result)).toEqual(["drop.column"]);
    expect(await query("select * from customers order by id")).toEqual(rows);
    expect(await pushSchema(plain, { dryRun: true })).toMatchObject({ status: "up-to-date" });
  });

  test("leaves alone what the schema file does not have: tables, views, types and sequences", async () => {
    await query(`
      create table legacy (x int); insert into legacy values (1);
      create view shown as select * from legacy; create type mood as enum ('ok'); create sequence counter;
      create schema other; create table other.thing (x int)`);
    const more = `${plain} export const fresh = pg.pgTable("fresh", { a: pg.text("a"), b: pg.text("b") });
      export const state = pg.pgEnum("state", ["on"]); export const seq = pg.pgSequence("seq");`;
    const result = await pushSchema(more, { acceptDataLoss: true });
    expect(result).toMatchObject({ status: "pushed", unmanaged: ["public.legacy"] });
    expect(await query("select * from shown")).toEqual([{ x: 1 }]);
    expect(
      await query("select 'ok'::mood as mood, nextval('counter') as n, (select count(*) from other.thing) as t"),
    ).toEqual([{ mood: "ok", n: "1", t: "0" }]);
    expect(await query("select count(*)::int > 0 as kept from postern.runs")).toEqual([{ kept: true }]);
  });

  test("refuses what cannot run in a transaction, and does no half of it", async () => {
    const exports = `export const customers = pg.pgTable("customers", {
        id: pg.integer("id").primaryKey(), name: pg.text("name"), total: pg.numeric("total", { precision: 12, scale: 2 }),
        note: pg.text("note") }, (t) => [pg.index("customers_name_idx").on(t.name).concurrently()]);`;
    const result = await pushSchema(exports);
    expect(result).toMatchObject({ status: "refused", error: { code: "push.outside-transaction" } });
    expect(await query("select * from customers order by id")).toEqual(rows);
  });

  test("refuses a policy that drizzle-kit would create without its condition, open to every row", async () => {
    const result = await pushSchema(plain + policy(", using: sql`owner = current_user`"));
    expect(result).toMatchObject({ status: "refused", error: { code: "push.unsupported" } });
    expect(await query("select to_regclass('notes') as notes")).toEqual([{ notes: null }]);
    expect(await pushSchema(plain + policy(""))).toMatchObject({ status: "pushed" });
    // What it would ask about: one policy for another.
    const other = await pushSchema(plain + policy("").replace('"own"', '"other"'));
    expect(other).toMatchObject({ status: "refused", error: { code: "push.ambiguous" } });
  });

  test("keeps nothing when a later statement fails", async () => {
    const exports = `${customers('name: pg.text("name").notNull(), total: pg.numeric("total", { precision: 12, scale: 2 })')}
      export const fresh = pg.pgTable("fresh", { a: pg.text("a") });`;
    await query("insert into customers values (3, null, 1)");
    const result = await pushSchema(exports);
    expect(result).toMatchObject({ status: "failed", error: { code: "push.failed", sqlState: "23502" } });
    expect(result.statements.every(({ executed }) => !executed)).toBe(true);
    expect(await query("select to_regclass('fresh') as fresh")).toEqual([{ fresh: null }]);
  });

  test("that is called off changes nothing", async () => {
    const pushing = pushSchema(customers('name: pg.text("name")'), {
      acceptDataLoss: true,
      signal: AbortSignal.abort(),
    });
    await expect(pushing).rejects.toMatchObject({ code: "aborted" });
    expect(await query("select * from customers order by id")).toEqual(rows);
  });

  test("is recorded in the ledger with its outcome", async () => {
    const runId = randomUUID();
    await pushSchema(customers('name: pg.text("name")'), { runId });
    expect(
      await query(`select action, outcome, error->>'code' as code from postern.runs where run_id = '${runId}'`),
    ).toEqual([{ action: "push", outcome: "refused", code: "push.data-loss" }]);
  });

  test("is refused on a protected database, accepted loss or not", async () => {
    const pushing = pushSchema(plain, { isProtected: true, acceptDataLoss: true });
    await expect(pushing).rejects.toMatchObject({ code: "push.protected", exitCode: 1 });
  });
});

describe("a rename", () => {
  const clients = plain.replace('"customers"', '"clients"');
  const renamed: readonly Rename[] = [
    { table: "public.customers", to: "clients" },
    { column: "public.clients.total", to: "total_cents" },
  ];
  const both = clients.replace('pg.numeric("total"', 'pg.numeric("total_cents"');
  beforeEach(async () => {
    await pushSchema(plain);
    await query(fill);
  });

  test("that is declared keeps the rows, and pushed again does nothing", async () => {
    const result = await pushSchema(both, {}, renamed);
    expect(result).toMatchObject({ status: "pushed", findings: [] });
    expect(await query("select id, total_cents from clients order by id")).toEqual([
      { id: 1, total_cents: "12.34" },
      { id: 2, total_cents: "56.78" },
    ]);
    expect(await pushSchema(both, {}, renamed)).toMatchObject({ status: "up-to-date", statements: [], findings: [] });
  });

  test("that is only planned is undone", async () => {
    expect(await pushSchema(both, { dryRun: true }, renamed)).toMatchObject({ status: "planned" });
    expect(await query("select * from customers order by id")).toEqual(rows);
  });

  test.each([
    ["a table", clients, '{"table":"public.customers","to":"clients"}'],
    [
      "a column",
      plain.replace('pg.text("name")', 'pg.text("label")'),
      '{"column":"public.customers.name","to":"label"}',
    ],
  ])("of %s that is not declared is refused with the entry that would declare it", async (_what, exports, entry) => {
    const result = await pushSchema(exports, { acceptDataLoss: true });
    expect(result).toMatchObject({ status: "refused", error: { code: "push.ambiguous" } });
    expect(result.error?.hint).toContain(entry);
    expect(await query("select * from customers order by id")).toEqual(rows);
  });

  test("that is declared to be none makes the new table", async () => {
    const result = await pushSchema(clients, {}, [{ new: "public.clients" }]);
    expect(result).toMatchObject({ status: "pushed", unmanaged: ["public.customers"] });
    expect(await query("select * from customers order by id")).toEqual(rows);
  });

  test("whose old and new name are both there is refused", async () => {
    await query("create table clients (id int)");
    const result = await pushSchema(clients, {}, renamed);
    expect(result).toMatchObject({ status: "refused", error: { code: "push.ambiguous" } });
    expect(result.error?.message).toContain("public.clients");
  });

  test("of which neither name is there is said, and hinders nothing", async () => {
    const result = await pushSchema(plain, {}, [{ column: "public.customers.nmae", to: "label" }]);
    expect(result).toMatchObject({ status: "up-to-date", findings: [{ code: "push.rename-missing" }] });
  });
});

test("pushing where migrations are applied is warned about, once there is something to push", async () => {
  await migrateShop();
  const result = await pushSchema('export const t = pg.pgTable("trial", { a: pg.text("a") });');
  expect(result).toMatchObject({ status: "pushed", findings: [{ code: "push.mixed" }] });
});

test("what drizzle-kit does again and again is said, and is not done again", async () => {
  const exports = `export const t = pg.pgTable("t", { id: pg.integer("id"), at: pg.timestamp("at").default(sql\`now() + '1 day'\`) });`;
  const first = await pushSchema(exports);
  expect(first.status).toBe("pushed");
  const second = await pushSchema(exports);
  expect(second.status).toBe("up-to-date");
  expect(second.reemitted).toEqual(first.reemitted);
  expect(second.statements.every(({ executed }) => !executed)).toBe(true);
});

test.each([
  ["throws", 'throw new Error("not today");', "push.invalid-schema", /not today/u],
  [
    "is in the runner's own schema",
    'export const t = pg.pgSchema("postern").table("runs", { a: pg.text("a") });',
    "push.invalid-schema",
    /postern/u,
  ],
])("a schema file that %s is refused", async (_case, exports, code, message) => {
  await expect(pushSchema(exports)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("a push that is cancelled stops within its statement and keeps nothing", async () => {
  await pushSchema(plain);
  await query(fill);
  await using reader = await connect(database.address, { applicationName: "reader" });
  await reader.client.query("begin; select from customers");
  const runId = randomUUID();
  const pushing = pushSchema(customers('name: pg.text("name")'), {
    runId,
    acceptDataLoss: true,
    lockTimeoutMs: 60_000,
  });
  await waitFor(
    "the push queues for its lock",
    async () => (await query("select from pg_locks where not granted")).length > 0,
  );
  await using canceller = await connect(database.address, { applicationName: "canceller" });
  await requestCancel(canceller.client, runId, "test");
  await expect(pushing).rejects.toMatchObject({ code: "run.cancelled" });
  await reader.client.query("commit");
  expect(await query("select * from customers order by id")).toEqual(rows);
});
