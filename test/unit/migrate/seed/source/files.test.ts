import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSeedModules } from "#lib/migrate/seed/format/modules.ts";
import { openSeedFile } from "#lib/migrate/seed/source/files.ts";
import { folderSource, listSeedSets } from "#lib/migrate/seed/source/sets.ts";

let seedsDir: string;

beforeEach(async () => {
  seedsDir = await mkdtemp(join(tmpdir(), "postern-seeds-"));
});
afterEach(async () => {
  await rm(seedsDir, { recursive: true });
});

async function write(name: string, content: string | Buffer = ""): Promise<void> {
  const path = join(seedsDir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Everything that the one file of set `s` holds, as [number, row]. */
async function readRows(): Promise<unknown[]> {
  await using modules = openSeedModules({ stop: () => undefined });
  const [path] = await folderSource(seedsDir).findFiles("s");
  if (path === undefined) throw new Error("no file");
  const file = await openSeedFile(path, modules);
  const rows: unknown[] = [];
  for await (const { number, columns, values } of file.rows()) {
    rows.push([number, Object.fromEntries(columns.map((column, index) => [column, values[index]]))]);
  }
  return rows;
}

const invalid = (message: string | RegExp) => ({
  code: "seed.invalid-file",
  message: typeof message === "string" ? message : expect.stringMatching(message),
});

describe("listSeedSets", () => {
  it("gives the folders whose names can be typed, sorted", async () => {
    await Promise.all(["b/.keep", "a/.keep", ".git/x", "a set/x", "file.md"].map(async (name) => write(name)));
    expect(await listSeedSets(seedsDir)).toEqual(["a", "b"]);
  });

  it("gives none where there is no folder", async () => {
    expect(await listSeedSets(join(seedsDir, "missing"))).toEqual([]);
  });
});

describe("the files of a set", () => {
  it("orders by number, not by name, and passes over what modules import", async () => {
    const names = ["10-b.ndjson", "9-a.ts", "100-c.mjs", "helper.ts", "README.md", ".DS_Store", "data/x.bin"];
    await Promise.all(names.map(async (name) => write(`s/${name}`)));
    const files = await folderSource(seedsDir).findFiles("s");
    expect(files.map(({ name, label, format }) => [name, label, format])).toEqual([
      ["s/9-a.ts", "a", "module"],
      ["s/10-b.ndjson", "b", "ndjson"],
      ["s/100-c.mjs", "c", "module"],
    ]);
  });

  it.each(["../s", "s/../s", ".", "..", "", "S", "/etc", "s\0", "missing"])(
    "knows no set %j and names those it has",
    async (set) => {
      await write("s/1-a.ndjson");
      await expect(folderSource(seedsDir).findFiles(set)).rejects.toMatchObject({
        code: "seed.unknown-set",
        message: expect.stringContaining("sets: s"),
      });
    },
  );

  it.each([
    ["an empty set", [".keep"], /The seed set s has no files in /],
    ["a number used twice", ["1-a.ndjson", "01-b.ts"], /s\/(1-a.ndjson|01-b.ts) has the same number as s\//],
    [
      "data without a number",
      ["1-a.ndjson", "customers.ndjson"],
      "s/customers.ndjson has no number in front, so its place in the order is unknown.",
    ],
    [
      "an unknown format",
      ["1-a.xlsx"],
      "s/1-a.xlsx is none of the formats csv, csv.gz, ndjson, ndjson.gz, sql, ts, mjs.",
    ],
    [
      "a folder that looks like a file",
      ["1-a.ndjson/x"],
      "s/1-a.ndjson is none of the formats csv, csv.gz, ndjson, ndjson.gz, sql, ts, mjs.",
    ],
  ])("refuses %s", async (_, names, message) => {
    for (const name of names) await write(`s/${name}`);
    await expect(folderSource(seedsDir).findFiles("s")).rejects.toMatchObject(invalid(message));
  });
});

describe("an NDJSON file", () => {
  it("gives a row a line, whatever ends the lines, and counts the blank ones", async () => {
    await write("s/1-t.ndjson", '\uFEFF{"a":1,"b":"x"}\r\n\n{"b":null,"a":2}\n{"a":3}');
    expect(await readRows()).toEqual([
      [1, { a: 1, b: "x" }],
      [3, { a: 2, b: null }],
      [4, { a: 3 }],
    ]);
  });

  it("is read across chunks, in the middle of a character too", async () => {
    const rows = Array.from({ length: 3 }, (_, index) => ({ a: index, b: "é€😀".repeat(40_000) }));
    await write("s/1-t.ndjson", rows.map((row) => JSON.stringify(row)).join("\n"));
    expect(await readRows()).toEqual(rows.map((row, index) => [index + 1, row]));
  });

  it.each([
    ["text that is no JSON", '{"a":1}\n{"a":secret}', /^s\/1-t.ndjson line 2 is not JSON: Unexpected token 's'\.$/],
    ["a line cut off", '{"a":1}\n{"a":', /^s\/1-t.ndjson line 2 is not JSON: /],
    ["an array", "[1]", "s/1-t.ndjson line 1 is not a JSON object."],
    ["null", "null", "s/1-t.ndjson line 1 is not a JSON object."],
    ["an object without keys", '{"a":1}\n\n{}', "s/1-t.ndjson line 3 has no columns."],
    [
      "bytes that are not UTF-8",
      Buffer.from('{"a":1}\n{"a":"\xe9"}\n{"a":2}\n', "latin1"),
      "s/1-t.ndjson line 2 is not UTF-8.",
    ],
    ["UTF-16", Buffer.from('\uFEFF{"a":1}\n', "utf16le"), "s/1-t.ndjson line 1 is not UTF-8."],
    ["a line without end", Buffer.alloc(17 * 1024 * 1024, "x"), /a line is longer than/],
  ])("with %s is refused with its line", async (_, content, message) => {
    await write("s/1-t.ndjson", content);
    await expect(readRows()).rejects.toMatchObject(invalid(message));
  });
});

function moduleOf(body: string): string {
  return `export const seed = { table: "t", columns: ["a", "b"], ${body} };`;
}

describe("a seed module", () => {
  it("gives the rows of its generator, and types are no obstacle", async () => {
    await write("s/1-t.ts", moduleOf("*rows(): Generator<unknown[]> { yield [1, 'x']; yield [2, null]; }"));
    expect(await readRows()).toEqual([
      [1, { a: 1, b: "x" }],
      [2, { a: 2, b: null }],
    ]);
  });

  it.each([
    ["no export named seed", "export default {};", /^s\/1-t.mjs is not valid: seed: /],
    [
      "no columns",
      "export const seed = { table: 't', columns: [], rows() {} };",
      /seed.columns: expected at least one/,
    ],
    [
      "a column named twice",
      "export const seed = { table: 't', columns: ['a', 'a'], rows() {} };",
      /a column is named twice/,
    ],
    ["a syntax error", "export const seed = {", /^s\/1-t.mjs cannot be loaded: /],
    ["an import that is not there", "import './missing.mjs';", /^s\/1-t.mjs cannot be loaded: /],
    ["a row that is too short", moduleOf("*rows() { yield [1, 2]; yield [1]; }"), "s/1-t.mjs row 2 has 1 of 2 values."],
    [
      "a value that is no JSON",
      moduleOf("*rows() { yield [1, { inner: new Map() }]; }"),
      /row 1: column b has a value that JSON cannot hold\.$/,
    ],
    ["a row that is an object", moduleOf("*rows() { yield { a: 1 }; }"), /row 1 is no array of 2 values/],
    [
      "a generator that throws",
      moduleOf("*rows() { yield [1, 2]; throw new Error('no luck'); }"),
      "s/1-t.mjs failed after row 1: no luck",
    ],
  ])("with %s is refused", async (_, content, message) => {
    await write("s/1-t.mjs", content);
    await expect(readRows()).rejects.toMatchObject(invalid(message));
  });
});
