import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SeedResult } from "#lib/protocol.ts";
import { ensureLedger } from "#lib/migrate/ledger/ledger.ts";
import { type SeedOptions, seed } from "#lib/migrate/seed/seed.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { type TestDatabase, createTestDatabase, startTestServer } from "../support/postgres.ts";

const migrationsDir = join(resolve(import.meta.dirname, "../.."), "migrations");
const exampleSeeds = join(migrationsDir, "seeds");

let stack: AsyncDisposableStack;
let database: TestDatabase;
let client: Connection["client"];
let seedsDir: string;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  ({ client } = stack.use(await connect(database.address, { applicationName: "test" })));
  seedsDir = await mkdtemp(join(tmpdir(), "postern-seeds-"));
  stack.defer(async () => rm(seedsDir, { recursive: true }));
  await mkdir(join(seedsDir, "s"));
  await ensureLedger(client);
});
afterEach(async () => {
  await stack.disposeAsync();
});

/** Writes the files of set `s` and seeds it. */
async function seedFiles(
  files: Readonly<Record<string, string>>,
  options: Partial<SeedOptions> = {},
): Promise<SeedResult> {
  await Promise.all(Object.entries(files).map(async ([name, text]) => writeFile(join(seedsDir, "s", name), text)));
  return await seed(client, { seedsDir, set: "s", ...options });
}

const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

async function all(sql: string): Promise<unknown[]> {
  return (await client.query<Record<string, unknown>>(sql)).rows;
}

async function count(table: string): Promise<number> {
  return Number((await client.query<{ count: string }>(`select count(*) from ${table}`)).rows[0]?.count);
}

async function migrateExample(on = client): Promise<void> {
  const { migrations } = await readMigrations(migrationsDir);
  for (const { statements } of migrations) {
    await on.query("begin");
    for (const statement of statements) await on.query(statement);
    await on.query("commit");
  }
}

/** Everything in the tables, and where the sequences stand. */
async function snapshot(on = client): Promise<unknown> {
  const tables = ["currencies", "countries", "customers", "products", "orders", "order_items", "shipments"];
  const sums = tables.map(
    (table) => `(select md5(string_agg(t::text, '' order by t::text)) from ${table} t) as ${table}`,
  );
  const { rows } = await on.query(
    `select ${sums.join(", ")}, (select row(s.last_value, s.is_called)::text from orders_number_seq s) as numbers`,
  );
  return rows;
}

const progressOf = (name: string, bytes: number) => ({ file: `s/${name}`, table: "t", bytes, totalBytes: bytes });
const newRows = ({ tables }: SeedResult) => tables.reduce((sum, { inserted }) => sum + inserted, 0);
const allRows = ({ tables }: SeedResult) => tables.reduce((sum, { rows }) => sum + rows, 0);

describe("the example's seed sets", () => {
  it("fill the migrated schema, and the second time change nothing", async () => {
    await migrateExample();
    const reference = await seed(client, { seedsDir: exampleSeeds, set: "reference" });
    const demo = await seed(client, { seedsDir: exampleSeeds, set: "demo" });
    expect(reference.tables.map(({ table }) => table)).toEqual(["currencies", "countries"]);
    expect(allRows(demo)).toBeGreaterThanOrEqual(20_000);
    expect(newRows(demo)).toBe(allRows(demo));
    const before = await snapshot();
    const again = await seed(client, { seedsDir: exampleSeeds, set: "demo" });
    expect([allRows(again), newRows(again)]).toEqual([allRows(demo), 0]);
    expect(newRows(await seed(client, { seedsDir: exampleSeeds, set: "reference" }))).toBe(0);
    expect(await snapshot()).toEqual(before);
  });

  it("leave room for the application's own rows", async () => {
    await migrateExample();
    await seed(client, { seedsDir: exampleSeeds, set: "reference" });
    await client.query("insert into customers (name, email, country_code) values ('App', 'app@example.com', 'DE')");
    await client.query("insert into orders (customer_id, currency_code) select id, 'EUR' from customers");
    await seed(client, { seedsDir: exampleSeeds, set: "demo" });
    const inserted = await client.query(
      "insert into orders (customer_id, currency_code) select id, 'EUR' from customers limit 1 returning number::int",
    );
    expect(inserted.rows).toEqual([{ number: 100_002 }]);
  });

  it("need the set that they refer to, and say so", async () => {
    await migrateExample();
    await expect(seed(client, { seedsDir: exampleSeeds, set: "demo" })).rejects.toMatchObject({
      code: "seed.failed",
      sqlState: "23503",
      message: expect.stringMatching(/^demo\/10-customers\.ts row 1, table customers: .*customers_country_code_fkey/),
      hint: expect.stringContaining("reference before demo"),
    });
    expect(await count("customers")).toBe(0);
  });

  it("work on PostgreSQL 16 for a migrator that is no superuser", async () => {
    await using server = await startTestServer({ version: 16 });
    await using own = await createTestDatabase(server);
    await using admin = await connect(own.address, { applicationName: "test" });
    await admin.client.query("create role example_migrator login password 'example'");
    await admin.client.query(`alter database ${own.name} owner to example_migrator`);
    const login = { user: "example_migrator", password: "example" };
    await using migrator = await connect({ ...own.address, ...login }, { applicationName: "test" });
    await ensureLedger(migrator.client);
    await migrateExample(migrator.client);
    await seed(migrator.client, { seedsDir: exampleSeeds, set: "reference" });
    const first = await seed(migrator.client, { seedsDir: exampleSeeds, set: "demo" });
    expect(newRows(first)).toBe(allRows(first));
    const before = await snapshot(migrator.client);
    expect(newRows(await seed(migrator.client, { seedsDir: exampleSeeds, set: "demo" }))).toBe(0);
    expect(await snapshot(migrator.client)).toEqual(before);
  });

  it("keep updated_at with whoever writes, and only where something changed", async () => {
    await migrateExample();
    await seed(client, { seedsDir: exampleSeeds, set: "reference" });
    await client.query(`insert into customers (name, email, country_code, updated_at)
      values ('A', 'a@example.com', 'DE', '2020-01-01'), ('B', 'b@example.com', 'DE', '2020-01-01')`);
    await client.query("update customers set name = 'A'");
    const touched = await all("select name, updated_at > '2021-01-01' as touched from customers order by email");
    expect(touched).toEqual([
      { name: "A", touched: false },
      { name: "A", touched: true },
    ]);
  });
});

describe("seed", () => {
  it("leaves a row as the application changed it", async () => {
    await client.query("create table t (id int primary key, name text)");
    const files = { "1-t.ndjson": lines([{ id: 1, name: "seed" }]) };
    await seedFiles(files);
    await client.query("update t set name = 'changed'");
    expect(newRows(await seedFiles(files))).toBe(0);
    expect(await all("select name from t")).toEqual([{ name: "changed" }]);
  });

  it("writes every kind of column exactly", async () => {
    await client.query(`
      create type mood as enum ('sad', 'ok'); create domain price as numeric(6, 2) check (value >= 0);
      create table t (id int primary key, tags text[], data jsonb, mood mood, price price, code char(3), big bigint,
        raw bytea, flag boolean, grid int[][], at timestamptz, doubled int generated always as (id * 2) stored)`);
    const tags = ['a,"b"', "{}", null, "NULL"];
    const plain = { id: 1, tags, data: { a: ["ü", null, 1.5] }, mood: "ok", price: "1234.50", code: "abc", flag: true };
    const written = { big: "9223372036854775807", raw: String.raw`\x00ff`, grid: "{{1,2}}", at: "2025-06-01T12:00+02" };
    await seedFiles({ "1-t.ndjson": lines([Object.assign({}, plain, written)]) });
    const [row] = await all("select *, raw::text, grid::text, (at at time zone 'utc')::text as at from t");
    expect(row).toEqual({ ...plain, ...written, at: "2025-06-01 10:00:00", doubled: 2 });
  });

  it("gives columns that a line leaves out their defaults", async () => {
    await client.query("create table t (id int primary key, name text not null default 'nobody')");
    await seedFiles({ "1-t.ndjson": lines([{ id: 1 }, { name: "x", id: 2 }, { id: 3, name: "y" }, { id: 4 }]) });
    expect(await all("select id, name from t order by id")).toEqual([
      { id: 1, name: "nobody" },
      { id: 2, name: "x" },
      { id: 3, name: "y" },
      { id: 4, name: "nobody" },
    ]);
  });

  it("takes tables and columns by any name, in any schema", async () => {
    const table = `Robert'); drop table "t"; --`;
    const column = `a"b.c`;
    await client.query(`create schema "Odd schema"; create table t ();
      create table "Odd schema".${client.escapeIdentifier(table)} (${client.escapeIdentifier(column)} int primary key)`);
    const module = { table: `Odd schema.${table}`, columns: [column] };
    const text = `export const seed = { ...${JSON.stringify(module)}, rows: () => [[1], [2]] };`;
    expect(newRows(await seedFiles({ "1-odd.mjs": text }))).toBe(2);
    expect(newRows(await seedFiles({}))).toBe(0);
    expect(await all("select * from t")).toEqual([]);
  });

  it.each([
    ["a serial column", "id serial primary key"],
    ["an identity column (by default)", "id bigint generated by default as identity primary key"],
    ["an identity column (always)", "id bigint generated always as identity primary key"],
  ])("moves the sequence of %s past the numbers given, and never back", async (_, definition) => {
    await client.query(`create table "T x" (${definition}, name text)`);
    await seedFiles({
      "1-T x.ndjson": lines([
        { id: 7, name: "a" },
        { id: 3, name: "b" },
      ]),
    });
    const insert = `insert into "T x" (name) values ('app') returning id::int`;
    expect(await all(insert)).toEqual([{ id: 8 }]);
    expect(await all(insert)).toEqual([{ id: 9 }]);
    await seedFiles({});
    expect(await all(insert)).toEqual([{ id: 10 }]);
    // Restarted, it owes 500 itself: a lower number given does not take that away.
    await client.query(`alter sequence "T x_id_seq" restart with 500`);
    await seedFiles({ "1-T x.ndjson": lines([{ id: 100, name: "c" }]) });
    expect(await all(insert)).toEqual([{ id: 500 }]);
  });

  it("tells the progress after each batch, and sums up by table", async () => {
    await client.query("create table t (id int primary key)");
    await client.query("insert into t values (2)");
    const progress: unknown[] = [];
    const files = { "1-t.ndjson": lines([1, 2, 3].map((id) => ({ id }))), "2-t.ndjson": lines([{ id: 4 }]) };
    const result = await seedFiles(files, { batchRows: 2, chunkRows: 2, onProgress: (step) => progress.push(step) });
    const rowsPerSecond = expect.any(Number);
    expect(progress).toEqual([
      { ...progressOf("1-t.ndjson", 27), rows: 2, inserted: 1, rowsPerSecond },
      { ...progressOf("1-t.ndjson", 27), rows: 3, inserted: 2, rowsPerSecond },
      { ...progressOf("2-t.ndjson", 9), rows: 1, inserted: 1, rowsPerSecond },
    ]);
    expect(result).toEqual({ set: "s", tables: [{ table: "t", rows: 4, inserted: 3, ms: expect.any(Number) }] });
  });

  it("stops between batches when it is told to, and goes on where it stopped", async () => {
    await client.query("create table t (id int primary key)");
    const files = { "1-t.ndjson": lines([1, 2, 3, 4, 5].map((id) => ({ id }))) };
    const abort = new AbortController();
    const stopped = seedFiles(files, { chunkRows: 2, signal: abort.signal, onProgress: () => abort.abort() });
    await expect(stopped).rejects.toMatchObject({ code: "aborted" });
    expect(await count("t")).toBe(2);
    expect(await seedFiles(files)).toMatchObject({ tables: [{ rows: 5, inserted: 3 }] });
  });
});

it("hears that it is told to stop while rows come from code without a pause", async () => {
  await client.query("create table endless (id int primary key)");
  const source = `export const seed = { table: "endless", columns: ["id"], *rows() { for (;;) yield [1]; } };`;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), 50);
  await expect(seedFiles({ "01-endless.ts": source }, { signal: abort.signal })).rejects.toMatchObject({
    code: "aborted",
  });
  clearTimeout(timer);
});

describe("a set that does not fit the database", () => {
  beforeEach(async () => {
    await client.query("create table good (id int primary key)");
    await client.query("create table t (id int primary key, name text not null, age int)");
    await client.query("create view v as select * from t");
    await client.query("create table keyless (id int)");
  });

  it.each([
    [
      "a wrong column",
      "2-t.ndjson",
      lines([
        { id: 1, name: "a" },
        { id: 2, nmae: "b" },
      ]),
      /^s\/2-t.ndjson line 2: table t has no column "nmae"\.$/,
    ],
    [
      "a wrong column of a module",
      "2-t.mjs",
      "export const seed = { table: 't', columns: ['id', 'x'], rows: () => [] };",
      /^s\/2-t.mjs: table t has no column "x"\.$/,
    ],
    [
      "an unknown table",
      "2-nothing.ndjson",
      lines([{ id: 1 }]),
      /^s\/2-nothing.ndjson: there is no table nothing in this database\.$/,
    ],
    ["a table name with too many parts", "2-a.b.c.ndjson", lines([{ id: 1 }]), /"a.b.c" is no table name/],
    ["a view", "2-v.ndjson", lines([{ id: 1 }]), /v is not a table/],
    ["a table without a key", "2-keyless.ndjson", lines([{ id: 1 }]), /hold no unique key of table keyless/],
    [
      "a value of the wrong kind",
      "2-t.ndjson",
      lines([
        { id: 1, name: "a" },
        { id: { secret: 1 }, name: "b" },
      ]),
      /^s\/2-t.ndjson line 2: column id \(integer\) takes a number or a string, not an object\.$/,
    ],
    ["a line that is no JSON", "2-t.ndjson", '{"id":1,"name":"a"}\nnot json\n', /^s\/2-t.ndjson line 2 is not JSON/],
  ])("with %s is refused before anything is written", async (_, name, text, message) => {
    const files = { "1-good.ndjson": lines([{ id: 1 }]), [name]: text };
    await expect(seedFiles(files)).rejects.toMatchObject({
      code: "seed.invalid-file",
      message: expect.stringMatching(message),
    });
    expect([await count("good"), await count("t")]).toEqual([0, 0]);
  });

  it("lists the table's columns beside a wrong one, and the problems of all files together", async () => {
    await expect(seedFiles({ "1-t.ndjson": lines([{ id: 1, x: 1 }]), "2-y.ndjson": "" })).rejects.toMatchObject({
      message: expect.stringMatching(/no column "x"\.\ns\/2-y.ndjson: there is no table y/),
      hint: "Its columns: id, name, age.",
    });
  });
});

describe("a batch that PostgreSQL refuses", () => {
  const secret = "4111-1111";
  const goodRow = (id: number) => ({ id, name: secret, age: 1, code: null, parent: null });
  const good = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => goodRow(from + index));

  beforeEach(async () => {
    await client.query(`create table t (id int primary key, name text not null, 
      age int constraint old_enough check (age > 0), code varchar(3), parent int references t deferrable initially deferred)`);
  });

  it.each([
    ["a check", { age: -1 }, "23514", /^s\/1-t.ndjson line 8, table t: .*"old_enough"\.$/],
    ["a missing value", { name: null }, "23502", /^s\/1-t.ndjson line 8, table t: null value in column "name"/],
    ["text that is no number", { age: "many" }, "22P02", /^s\/1-t.ndjson line 8, table t, column age: invalid input/],
    ["a number out of range", { age: "99999999999" }, "22003", /^s\/1-t.ndjson line 8, table t, column age: /],
    ["text that is too long", { code: "four" }, "22001", /^s\/1-t.ndjson line 8, table t: value too long/],
    ["a foreign key checked at commit", { parent: 99 }, "23503", /^s\/1-t.ndjson line 8, table t: .*"t_parent_fkey"/],
    ["a NUL character", { name: "a\0b" }, "22021", /^s\/1-t.ndjson line 8, table t, column name: /],
  ])("for %s keeps nothing of itself, and its row is named", async (_, wrong, sqlState, message) => {
    const rows = [...good(1, 7), { ...goodRow(8), ...wrong }, ...good(9, 12)];
    const failure = await seedFiles({ "1-t.ndjson": lines(rows) }, { batchRows: 5 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "seed.failed", sqlState, message: expect.stringMatching(message) });
    expect(inspect(failure, { depth: 10 })).not.toContain(secret);
    expect(await all("select id from t order by id")).toEqual([1, 2, 3, 4, 5].map((id) => ({ id })));
    // The connection is left as it was found.
    expect(await all("select pg_current_xact_id_if_assigned() is null as idle")).toEqual([{ idle: true }]);

    expect(await seedFiles({ "1-t.ndjson": lines(good(1, 12)) })).toMatchObject({
      tables: [{ rows: 12, inserted: 7 }],
    });
  });

  it("for a trigger names its row, and moves no sequence", async () => {
    await client.query(`create table u (id int generated by default as identity primary key, n int);
      create function refuse() returns trigger language plpgsql as
        $$ begin if new.n = 3 then raise 'three is refused'; end if; return new; end $$;
      create trigger refuse before insert on u for each row execute function refuse()`);
    const rows = `export const seed = { table: "u", columns: ["id", "n"], *rows() { for (let i = 1; i < 9; i++) yield [i * 1000, i]; } };`;
    await expect(seedFiles({ "1-u.mjs": rows })).rejects.toMatchObject({
      code: "seed.failed",
      sqlState: "P0001",
      message: "s/1-u.mjs row 3, table u: three is refused.",
    });
    expect(await all("insert into u (n) values (1) returning id")).toEqual([{ id: 1 }]);
  });

  it("for want of a privilege says that, and no row is blamed", async () => {
    await client.query("create role seed_reader; grant select on t to seed_reader; set role seed_reader");
    stack.defer(async () => {
      await client.query("reset role; drop owned by seed_reader; drop role seed_reader");
    });
    await expect(seedFiles({ "1-t.ndjson": lines(good(1, 2)) })).rejects.toMatchObject({
      code: "db.permission",
      sqlState: "42501",
      message: expect.stringContaining("s/1-t.ndjson"),
    });
  });
});
