import { describe, expect, test } from "vitest";
import { findPossibleRenames } from "#lib/migrate/push/possible-renames.ts";
import { decideRename } from "#lib/migrate/push/renames.ts";

function tablesOf(tables: Readonly<Record<string, readonly string[]>>) {
  return new Map(Object.entries(tables).map(([name, columns]) => [name, { columns }]));
}

describe("a declared rename", () => {
  const table = { table: "public.customers", to: "clients" };
  const column = { column: "public.orders.total", to: "total cents" };

  test.each([
    [
      table,
      { "public.customers": [] },
      { kind: "rename", sql: 'alter table "public"."customers" rename to "clients"' },
    ],
    [table, { "public.clients": [] }, { kind: "none" }],
    [table, { "public.customers": [], "public.clients": [] }, { kind: "contradiction" }],
    [table, { "other.customers": [] }, { kind: "missing" }],
    [
      column,
      { "public.orders": ["total"] },
      { kind: "rename", sql: 'alter table "public"."orders" rename column "total" to "total cents"' },
    ],
    [column, { "public.orders": ["total cents"] }, { kind: "none" }],
    [column, { "public.orders": ["total", "total cents"] }, { kind: "contradiction" }],
    [column, { "public.orders": ["id"] }, { kind: "missing" }],
    [column, {}, { kind: "missing" }],
    [{ new: "public.clients" }, {}, { kind: "none" }],
  ] as const)("%o in a database with %o", (rename, tables, decision) => {
    expect(decideRename(rename, tablesOf(tables))).toMatchObject(decision);
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
