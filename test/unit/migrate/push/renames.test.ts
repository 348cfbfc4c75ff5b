import { describe, expect, test } from "vitest";
import { findPossibleRenames } from "#lib/migrate/push/possible-renames.ts";
import { decideRename, statementsOf } from "#lib/migrate/push/decide-rename.ts";

function tablesOf(tables: Readonly<Record<string, readonly string[]>>) {
  return new Map(Object.entries(tables).map(([name, columns]) => [name, { columns }]));
}

describe("a declared rename", () => {
  const table = { table: "public.customers", to: "clients" };
  const column = { column: "public.orders.total", to: "total cents" };
  const renamesTable = { kind: "rename", sql: 'alter table "public"."customers" rename to "clients"' };
  const renamesColumn = { kind: "rename", sql: 'alter table "public"."orders" rename column "total" to "total cents"' };
  const [customers, clients] = [{ "public.customers": [] }, { "public.clients": [] }];

  test.each([
    [table, customers, clients, renamesTable],
    [table, clients, clients, { kind: "none" }],
    [table, { ...customers, ...clients }, clients, { kind: "contradiction" }],
    [table, { ...customers, ...clients }, { ...customers, ...clients }, { kind: "stale" }],
    [table, customers, { ...customers, ...clients }, { kind: "contradiction" }],
    [table, customers, customers, { kind: "stale" }],
    [table, customers, {}, { kind: "stale" }],
    [table, { "other.customers": [] }, clients, { kind: "missing" }],
    [column, { "public.orders": ["total"] }, { "public.orders": ["total cents"] }, renamesColumn],
    [column, { "public.orders": ["total cents"] }, { "public.orders": ["total cents"] }, { kind: "none" }],
    [
      column,
      { "public.orders": ["total", "total cents"] },
      { "public.orders": ["total cents"] },
      { kind: "contradiction" },
    ],
    [column, { "public.orders": ["total"] }, { "public.orders": ["total"] }, { kind: "stale" }],
    [column, { "public.orders": ["id"] }, { "public.orders": ["total cents"] }, { kind: "missing" }],
    [column, {}, {}, { kind: "missing" }],
    [{ new: "public.clients" }, {}, {}, { kind: "none" }],
  ] as const)("%o in a database with %o and a schema file with %o", (rename, tables, wanted, decision) => {
    const scene = { tables: tablesOf(tables), wanted, later: [], doneBefore: new Map() };
    expect(decideRename(rename, scene)).toMatchObject(decision);
  });

  test("goes by the name that later entries give it", () => {
    const later = [{ table: "public.clients", to: "people" }];
    const decide = (tables: Readonly<Record<string, readonly string[]>>) =>
      decideRename(table, { tables: tablesOf(tables), wanted: { "public.people": [] }, later, doneBefore: new Map() });
    expect(decide(customers)).toMatchObject(renamesTable);
    expect(decide({ "public.people": [] })).toEqual({ kind: "none" });
    expect(decide({ ...customers, "public.people": [] })).toMatchObject({ kind: "contradiction" });
  });

  test("there and back renames nothing", () => {
    const later = [{ table: "public.clients", to: "customers" }];
    const scene = { tables: tablesOf(customers), wanted: customers, later, doneBefore: new Map() };
    expect(decideRename(table, scene)).toEqual({ kind: "none" });
  });

  test("that was done here before is not done to what has the old name now, unless it was undone", () => {
    const scene = { tables: tablesOf(customers), wanted: clients, later: [] };
    const [done, undone] = statementsOf([table]);
    expect(decideRename(table, { ...scene, doneBefore: new Map([[done ?? "", 1]]) })).toMatchObject({
      kind: "contradiction",
      message: expect.stringContaining("came back"),
    });
    const both = new Map([
      [done ?? "", 1],
      [undone ?? "", 2],
    ]);
    expect(decideRename(table, { ...scene, doneBefore: both })).toMatchObject(renamesTable);
  });
});

describe("what may be a rename", () => {
  const wanted = { "public.clients": ["id", "name", "email", "since"] };

  test("is a table that has nearly the columns of one that the file does not have", () => {
    const tables = tablesOf({ "public.customers": ["id", "name", "email"] });
    const [found, ...others] = findPossibleRenames(wanted, tables, []);
    expect(found?.entries).toEqual([{ table: "public.customers", to: "clients" }, { new: "public.clients" }]);
    expect(others).toEqual([]);
  });

  test.each([
    ["shares less", { "public.products": ["id", "name", "price"] }, []],
    ["is in another schema", { "other.customers": ["id", "name", "email", "since"] }, []],
    ["is declared to be new", { "public.customers": ["id", "name", "email"] }, [{ new: "public.clients" }]],
    ["is there", { "public.clients": ["id", "name", "email", "since"], "public.customers": ["id", "name"] }, []],
  ] as const)("is no table that %s", (_case, tables, renames) => {
    expect(findPossibleRenames(wanted, tablesOf(tables), renames)).toEqual([]);
  });

  test("is a column, where the table lacks one of the file's and has another", () => {
    const [found] = findPossibleRenames(wanted, tablesOf({ "public.clients": ["id", "name", "mail", "since"] }), []);
    expect(found?.entries).toEqual([{ column: "public.clients.mail", to: "email" }]);
    expect(findPossibleRenames(wanted, tablesOf({ "public.clients": ["id"] }), [])).toEqual([]);
    const more = ["id", "name", "email", "since", "gone"];
    expect(findPossibleRenames(wanted, tablesOf({ "public.clients": more }), [])).toEqual([]);
  });
});
