import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { openSeedModules } from "#lib/migrate/seed/format/modules.ts";
import { openSeedFile } from "#lib/migrate/seed/source/files.ts";
import { folderSource, listSeedSets } from "#lib/migrate/seed/source/sets.ts";

const seedsDir = join(resolve(import.meta.dirname, "../../.."), "migrations", "seeds");

describe("the example's seed sets", () => {
  it("are reference and demo", async () => {
    expect(await listSeedSets(seedsDir)).toEqual(["demo", "reference"]);
  });

  it("demo has at least 20,000 rows", async () => {
    const tables = await readSet("demo");
    const counts = tables.map(({ rows }) => rows.length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(20_000);
  });

  it("demo gives the same rows whenever and wherever it is asked", async () => {
    const first = digest(await readSet("demo"));
    expect(digest(await readSet("demo"))).toBe(first);
    // A stage seeded yesterday holds these rows: a change here means that its rows and the set's differ from now on.
    expect(first).toBe("061e9909610b1ebd1d46fa1b4c1f556f57c77c954257231934e127b17d095f7e");
  });

  it("demo's keys, e-mail addresses and order numbers are unique", async () => {
    const tables = await readSet("demo");
    for (const [table, columns] of uniqueColumns) {
      const rows = tables.filter((one) => one.table === table).flatMap((one) => one.rows);
      const keys = rows.map((row) => columns.map((column) => row[column]).join(" "));
      expect(new Set(keys).size, `${table} (${columns.join(", ")})`).toBe(rows.length);
    }
  });

  it("demo's order numbers stay below the first one that the database gives out", async () => {
    const orders = (await readSet("demo")).find(({ table }) => table === "orders");
    const numbers = orders?.rows.map((row) => Number(row["number"])) ?? [];
    expect(Math.max(...numbers)).toBeLessThan(100_001);
    expect(numbers.length).toBeGreaterThan(0);
  });
});

const uniqueColumns = [
  ["customers", ["id"]],
  ["customers", ["email"]],
  ["products", ["sku"]],
  ["orders", ["id"]],
  ["orders", ["number"]],
  ["order_items", ["order_id", "line"]],
  ["shipments", ["carrier", "tracking_code"]],
] as const;

type Table = { readonly table: string; readonly rows: Readonly<Record<string, unknown>>[] };

function digest(tables: unknown): string {
  return createHash("sha256").update(JSON.stringify(tables)).digest("hex");
}

async function readSet(set: string): Promise<Table[]> {
  await using modules = openSeedModules({ stop: () => undefined });
  const files = await folderSource(seedsDir).findFiles(set);
  return await Promise.all(
    files.map(async (path) => {
      const file = await openSeedFile(path, modules);
      const rows: Record<string, unknown>[] = [];
      for await (const { columns, values } of file.rows()) {
        rows.push(Object.fromEntries(columns.map((column, index) => [column, values[index]])));
      }
      return { table: file.table, rows };
    }),
  );
}
