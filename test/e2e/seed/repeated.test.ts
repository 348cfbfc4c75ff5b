import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommand } from "../../support/command-line.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";

let play: SeedPlayground;
beforeEach(async () => {
  play = await openSeedPlayground();
  await play.client.query("create table t (id int primary key, name text)");
});
afterEach(async () => play[Symbol.asyncDispose]());

type Row = readonly [id: string, name: string];
const formats = {
  "1-t.csv": (rows: readonly Row[]) => `id,name\n${rows.map(([id, name]) => `${id},"${name}"\n`).join("")}`,
  "1-t.ndjson": (rows: readonly Row[]) => rows.map(([id, name]) => `${JSON.stringify({ id, name })}\n`).join(""),
  "1-t.mjs": (rows: readonly Row[]) =>
    `export const seed = { table: "t", columns: ["id", "name"], rows: () => ${JSON.stringify(rows)} };`,
};
type File = keyof typeof formats;

/** Rows 1 to 5000; `1234` again as row 1300, in the same piece; `17` as `017` at the end, many batches and chunks later. */
const rows: Row[] = Array.from({ length: 5000 }, (_, index) => [
  String(index + 1),
  `row ${index + 1} ${"x".repeat(400)}`,
]);
rows[1299] = ["1234", "again"];
rows[4999] = ["017", "again"];

/** The line or row that the 1300th row is. */
const places: Readonly<Record<File, string>> = {
  "1-t.csv": "s/1-t.csv line 1301",
  "1-t.ndjson": "s/1-t.ndjson line 1300",
  "1-t.mjs": "s/1-t.mjs row 1300",
};
const files = Object.keys(formats) as File[];

describe.each(files)("a key that stands twice in %s", (file) => {
  it.each([
    ["an empty table", "", 1000],
    ["a table with rows", "insert into t values (0, 'there')", 1000],
    ["an empty table, in batches", "", 10_000],
    ["a table with rows, in batches", "insert into t values (0, 'there')", 300],
  ])("is told, with its number and the first place, for %s", async (_, prepare, batchRows) => {
    await play.client.query(prepare);
    await play.write({ [file]: formats[file](rows) });
    const sizes = { batchRows, chunkRows: 1400, chunkBytes: 500_000 };
    expect(await play.seed(sizes)).toMatchObject({
      tables: [{ rows: 5000, inserted: 4998, repeated: { rows: 2, first: places[file] } }],
    });
    expect(await play.all("select count(*)::int from t where name = 'again'")).toEqual([{ count: 0 }]);
    // What is there was there before: that is no fault of the file.
    const [again] = (await play.seed(sizes)).tables;
    expect(again).toMatchObject({ inserted: 0 });
    expect(again).not.toHaveProperty("repeated");
  });
});

describe("a key that stands twice in one file", () => {
  it("is not told of rows that were there before it", async () => {
    await play.client.query("insert into t select g, 'there' from generate_series(1, 4000) g");
    await play.write({ "1-t.csv": formats["1-t.csv"](rows) });
    const [table] = (await play.seed()).tables;
    expect(table).toMatchObject({ rows: 5000, inserted: 999 });
    expect(table).not.toHaveProperty("repeated");
  });

  it("is told for a key of two columns, and for any key where the primary one is not given", async () => {
    await play.client
      .query(`create table u (id int generated always as identity primary key, a text collate "C", b varchar(5),
      "postern's" int, unique (a, b), unique ("postern's")); insert into u (a, b) values ('z', 'z')`);
    const pairs = ["a,b,postern's", "x,1,1", "x,2,2", "x,1,3", "y,1,2", "y,2,", "y,3,", ""].join("\n");
    await play.write({ "1-u.csv": pairs });
    const repeated = { rows: 2, first: "s/1-u.csv line 4" };
    for (const batchRows of [2, 1000]) {
      expect(await play.seed({ batchRows })).toMatchObject({ tables: [{ rows: 6, inserted: 4, repeated }] });
      await play.client.query("delete from u where a <> 'z'");
    }
  });

  it("is told by the command", async () => {
    await play.write({ "1-t.csv": "id,name\n1,a\n2,b\n1,c\n" });
    const args = ["seed", "--url", play.database.url(), "--set", "s", "--dir", play.dir];
    const { stdout, exitCode } = await runCommand(args);
    expect(stdout).toContain("t: 1 row was left out: a row before it in its file has the same key (s/1-t.csv line 4)");
    expect(exitCode).toBe(0);
  });
});
