import { describe, expect, it } from "vitest";
import type { SeedFile, SeedRow } from "#lib/migrate/seed/source/files.ts";
import { readBatches } from "#lib/migrate/seed/write/rows.ts";
import type { SeedTarget } from "#lib/migrate/seed/write/target.ts";

const textColumn = { type: "text", kind: "text", isGenerated: false, isIdentityAlways: false, sequence: null } as const;
const target: SeedTarget = {
  table: "t",
  oid: "1",
  sql: '"public"."t"',
  columns: new Map(["a", "b"].map((name) => [name, { name, ...textColumn }])),
  uniqueKeys: [{ isPrimary: true, isPlain: true, columns: ["a"] }],
};

const onlyA = ["a"];
const both = ["a", "b"];

function fileOf(rows: readonly (readonly [columns: readonly string[], ...values: unknown[]])[]): SeedFile {
  async function* readRows(): AsyncGenerator<SeedRow> {
    for (const [index, [columns, ...values]] of rows.entries()) yield { number: index + 1, columns, values };
  }
  return { name: "s/1-t.ndjson", table: "t", unit: "line", isText: false, rows: readRows };
}

async function readNumbers(file: SeedFile, batchRows: number): Promise<number[][]> {
  const numbers: number[][] = [];
  for await (const batch of readBatches(file, target, { batchRows })) {
    expect(batch.values.map((texts) => texts.length)).toEqual(batch.insert.columns.map(() => batch.numbers.length));
    numbers.push([...batch.numbers]);
  }
  return numbers;
}

describe("readBatches", () => {
  it("ends a batch when it has its rows", async () => {
    const file = fileOf(["1", "2", "3", "4", "5"].map((a) => [onlyA, a]));
    expect(await readNumbers(file, 2)).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("ends a batch when the columns change", async () => {
    const file = fileOf([
      [onlyA, "1"],
      [both, "2", "x"],
      [both, "3", null],
      [onlyA, "4"],
    ]);
    expect(await readNumbers(file, 1000)).toEqual([[1], [2, 3], [4]]);
  });

  it("ends a batch early when its rows are wide, so that memory stays bounded", async () => {
    const wide = "x".repeat(3_000_000);
    const file = fileOf(["1", "2", "3"].map((a) => [both, a, wide]));
    expect(await readNumbers(file, 1000)).toEqual([[1, 2], [3]]);
  });

  it("gives nothing for a file without rows", async () => {
    expect(await readNumbers(fileOf([]), 1000)).toEqual([]);
  });

  it("names the line of a value that its column does not take", async () => {
    const file = fileOf([
      [onlyA, "1"],
      [onlyA, 2],
    ]);
    await expect(readNumbers(file, 1000)).rejects.toMatchObject({
      code: "seed.invalid-file",
      message: "s/1-t.ndjson line 2: column a (text) takes a string, not a number.",
    });
  });
});
