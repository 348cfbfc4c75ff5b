import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readFacts } from "#lib/migrate/hazards/read-facts.ts";
import { findRelation, sizeOf } from "#lib/migrate/hazards/table.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let connection: Connection;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  connection = stack.use(await connect(database.address, { applicationName: "test" }));
});
afterEach(async () => stack.disposeAsync());

const read = async (...relations: string[]) =>
  readFacts(connection.client, { relations, functions: ["now", "random", "Réal", "own", "lower"] });

const readSized = async () => {
  const facts = await read("untouched", "loaded", "parted");
  return Object.fromEntries(facts.relations.map((relation) => [relation.name, relation]));
};

describe("the facts about tables", () => {
  it("have columns, keys, checks, the tables of indexes, and volatile functions", async () => {
    await connection.client.query(`
      create schema other;
      create table parent (id int primary key);
      create table "Tä ble" (id int not null, name varchar(20), "no t" int constraint k check ("no t" is not null),
        parent_id int constraint fk references parent, constraint two check (id > 0 and name is not null));
      create index "Tä ble idx" on "Tä ble" (name);
      create table other.parent (id int);
      create function own() returns int language sql as 'select 1';
      create function other.lower(int) returns int language sql as 'select 1';`);
    const facts = await read("Tä ble", "Tä ble idx", "parent");
    expect(facts.currentSchema).toBe("public");
    expect([...facts.volatileFunctions].toSorted()).toEqual(["lower", "own", "random"]);
    expect([...facts.trustedFunctions].toSorted()).toEqual(["now", "random"]);
    expect(findRelation(facts, undefined, "Tä ble")).toMatchObject({
      schema: "public",
      kind: "r",
      columns: [
        { name: "id", type: "int4", typmod: -1, notNull: true },
        { name: "name", type: "varchar", typmod: 24, notNull: false },
        { name: "no t" },
        { name: "parent_id" },
      ],
      notNullChecks: [{ name: "k", column: "no t", isValid: true }],
      foreignKeys: [{ name: "fk", schema: "public", table: "parent", columns: ["parent_id"] }],
    });
    expect(findRelation(facts, undefined, "Tä ble idx")?.indexOf).toEqual({ schema: "public", name: "Tä ble" });
    expect(findRelation(facts, undefined, "parent")?.schema).toBe("public");
    expect(findRelation(facts, "other", "parent")?.columns).toHaveLength(1);
    expect(findRelation(facts, undefined, "nowhere")).toBeUndefined();
  });

  it("know how big a table is before and after it was analyzed, and with its partitions", async () => {
    await connection.client.query(`
      create table untouched (id int);
      create table loaded (id int, text text);
      insert into loaded select g, repeat('x', 500) from generate_series(1, 50000) g;
      create table parted (id int) partition by range (id);
      create table parted_1 partition of parted for values from (0) to (30000);
      create table parted_2 partition of parted for values from (30000) to (60000);
      insert into parted select g from generate_series(1, 50000) g;`);
    const before = await readSized();
    expect(sizeOf(before["untouched"])).toBe("empty");
    expect(sizeOf(before["loaded"])).toBe("medium");
    expect(before["loaded"]?.bytes).toBeGreaterThan(20_000_000);
    await connection.client.query("analyze");
    const after = await readSized();
    expect(after["loaded"]).toMatchObject({ rows: 50_000 });
    expect(after["parted"]).toMatchObject({ kind: "p", rows: 50_000 });
    expect(sizeOf(after["parted"])).toBe("medium");
  });

  it("do not wait for whoever has an analyzed table locked", async () => {
    await connection.client.query("create table t (id int); insert into t values (1); analyze t; set lock_timeout = 1");
    const holder = stack.use(await connect(database.address, { applicationName: "holder" }));
    await holder.client.query("begin; lock table t in access exclusive mode");
    const facts = await read("t");
    expect(findRelation(facts, undefined, "t")).toMatchObject({ rows: 1 });
  });

  it("of a schema cover every table in it", async () => {
    await connection.client.query("create schema attic; create table attic.a (); create table attic.b ()");
    expect((await read("attic")).relations.map(({ name }) => name).toSorted()).toEqual(["a", "b"]);
  });
});

describe("a table that somebody has locked", () => {
  it.each([
    ["fresh", "fresh"],
    ["checked", "checked"],
    ["part", "parted"],
    ["parted", "parted"],
    ["behind", "behind"],
  ])("is not waited for: %s; nobody may look into it, so %s is not called empty", async (table, relation) => {
    await connection.client.query(`
      create table fresh (id int);
      create table checked (id int, constraint c check (id is not null));
      create table parted (id int) partition by range (id);
      create table part partition of parted for values from (0) to (9);
      create table behind (id int primary key);
      create index behind_idx on behind ((id + 1));`);
    await using other = await connect(database.address, { applicationName: "somebody" });
    await other.client.query(`begin; lock table ${table} in access exclusive mode`);
    await connection.client.query("set statement_timeout = '3s'");
    const facts = await read("fresh", "checked", "parted", "part", "behind", "behind_idx");
    expect(facts.relations.map(({ name }) => name).toSorted()).toEqual([
      "behind",
      "behind_idx",
      "checked",
      "fresh",
      "part",
      "parted",
    ]);
    expect(sizeOf(findRelation(facts, undefined, relation))).toBe("unknown");
    expect(findRelation(facts, undefined, "parted")?.columns.map(({ name }) => name)).toEqual(["id"]);
  });
});
