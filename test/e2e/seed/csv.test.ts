import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTestServer } from "../../support/postgres.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";

let play: SeedPlayground;
beforeEach(async () => {
  play = await openSeedPlayground();
});
afterEach(async () => play[Symbol.asyncDispose]());

/** The ways a file can go: COPY into an empty table, INSERT where a row is there. */
const ways = [
  ["an empty table", ""],
  ["a table with rows", "insert into t values (1000, 'there')"],
] as const;

describe.each(ways)("a CSV file for %s", (_way, prepare) => {
  beforeEach(async () => {
    await play.client.query("create table t (id int primary key, name text, n numeric(6,2) check (n > 0), at date)");
    if (prepare !== "") await play.client.query(prepare);
  });

  it("has its values exactly: quotes, line breaks, commas, NULL beside empty text, no line end at the end", async () => {
    const rows = [
      "id,name,n",
      '1,"a ""b"", c",1.005',
      '2,"two\nlines\r\n",',
      "3,,7",
      '4,"",8',
      "5, x ,9",
      "6,ü€😀\\N\\.,1",
    ];
    await play.write({ "1-t.csv": rows.join("\n") });
    expect(await play.seed()).toMatchObject({ tables: [{ table: "t", rows: 6, inserted: 6 }] });
    expect(await play.all("select id, name, n from t where id < 1000 order by id")).toEqual([
      { id: 1, name: 'a "b", c', n: "1.01" },
      { id: 2, name: "two\nlines\r\n", n: null },
      { id: 3, name: null, n: "7.00" },
      { id: 4, name: "", n: "8.00" },
      { id: 5, name: " x ", n: "9.00" },
      { id: 6, name: "ü€😀\\N\\.", n: "1.00" },
    ]);
    expect(await play.seed()).toMatchObject({ tables: [{ rows: 6, inserted: 0 }] });
  });

  it.each([
    ["CRLF and a byte order mark", "\uFEFFid,name\r\n1,a\r\n2,\r\n"],
    ["line ends of both kinds", "id,name\n1,a\r\n2,\n"],
    ["columns in another order", '"name","id"\na,1\n,2\n'],
  ])("may have %s", async (_, text) => {
    await play.write({ "1-t.csv": text });
    await play.seed();
    expect(await play.all("select id, name from t where id < 1000 order by id")).toEqual([
      { id: 1, name: "a" },
      { id: 2, name: null },
    ]);
  });

  it("may be packed with gzip", async () => {
    await play.write({ "1-t.csv.gz": gzipSync("id,name\n1,a\n2,b\n"), "2-t.ndjson.gz": gzipSync('{"id":3}\n') });
    expect(await play.seed()).toMatchObject({ tables: [{ table: "t", rows: 3, inserted: 3 }] });
  });

  it("keeps a row that stands in it twice as it stood first", async () => {
    await play.write({ "1-t.csv": "id,name\n1,first\n2,b\n1,second\n" });
    expect(await play.seed()).toMatchObject({ tables: [{ rows: 3, inserted: 2 }] });
    expect(await play.all("select name from t where id = 1")).toEqual([{ name: "first" }]);
  });

  const secret = "4111-1111";
  it.each([
    ["a check", `8,${secret},-1,`, "23514", /^s\/1-t\.csv line 11, table t: .*"t_n_check"\.$/],
    ["text that is no number", `8,${secret},many,`, "22P02", /^s\/1-t\.csv line 11, table t, column n: invalid input/],
    ["no date", `8,${secret},1,2025-02-30`, "22008", /^s\/1-t\.csv line 11, table t, column at: /],
    ["no key", `,${secret},1,`, "23502", /^s\/1-t\.csv line 11, table t: null value in column "id"/],
  ])(
    "with %s in it keeps nothing of the batch, and names the line of the file",
    async (_, wrong, sqlState, message) => {
      // Two line breaks in quotes before it: the eighth row starts in line 11.
      const good = (id: number) => `${id},"${id === 3 ? "a\nb\nc" : secret}",1,2025-01-01`;
      const text = ["id,name,n,at", ...[1, 2, 3, 4, 5, 6, 7].map(good), wrong, good(9), ""].join("\n");
      await play.write({ "1-t.csv": text });
      const failure: unknown = await play.seed({ batchRows: 5 }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "seed.failed", sqlState, message: expect.stringMatching(message) });
      expect(inspect(failure, { depth: 10 })).not.toContain(secret);
      expect(await play.all("select count(*)::int as n from t where id < 1000")).toEqual([{ n: 5 }]);
      await play.write({ "1-t.csv": text.replace(wrong, good(8)) });
      expect(await play.seed()).toMatchObject({ tables: [{ rows: 9, inserted: 4 }] });
    },
  );

  it.each([
    [
      "a row with too few fields",
      "id,name\n1,a\n2\n",
      /^s\/1-t\.csv line 3 has 1 field: the first line names 2 columns\.$/,
    ],
    ["a row with too many", "id,name\n1,a,b\n", /^s\/1-t\.csv line 2 has 3 fields: the first line names 2 columns\.$/],
    ["a quote that is not closed", 'id,name\n1,a\n2,"b\n3,c\n', /^s\/1-t\.csv line \d: a quote is not closed\.$/],
    [
      "a quote within a field",
      'id,name\n1,a"b"\n',
      /^s\/1-t\.csv line 2: there is a quote in the middle of a field\.$/,
    ],
    ["text behind a quote", 'id,name\n1,"a" \n', /^s\/1-t\.csv line 2: there is text behind a closing quote\.$/],
    ["bytes that are not UTF-8", Buffer.from("id,name\n1,\xe9\n", "latin1"), /^s\/1-t\.csv line 2 is not UTF-8\.$/],
    ["a column that the table lacks", "id,nmae\n1,a\n", /^s\/1-t\.csv: table t has no column "nmae"\.$/],
    ["no key among its columns", "name\na\n", /^s\/1-t\.csv: the columns \(name\) hold no unique key of table t\.$/],
    ["a column named twice", "id,id\n1,1\n", /^s\/1-t\.csv line 1 names a column twice\.$/],
    ["nothing in it", "", /^s\/1-t\.csv is empty\.$/],
  ])("with %s is refused before anything is written", async (_, data, message) => {
    await play.write({ "1-t.csv": data });
    await expect(play.seed()).rejects.toMatchObject({
      code: "seed.invalid-file",
      message: expect.stringMatching(message),
    });
    expect(await play.all("select count(*)::int as n from t where id < 1000")).toEqual([{ n: 0 }]);
  });
});

describe("a CSV file with one column", () => {
  it.each([16, 18] as const)(
    "has each of its lines, also those that PostgreSQL %i may take for the end",
    async (version) => {
      await using server = await startTestServer({ version });
      await using own = await openSeedPlayground(server);
      await own.client.query("create table t (code text primary key)");
      await own.write({ "1-t.csv": 'code\na\n\\.\n"b\n\\.\nc"\nd\n' });
      expect(await own.seed()).toMatchObject({ tables: [{ rows: 4, inserted: 4 }] });
      const codes = await own.all('select code from t order by code collate "C"');
      expect(codes).toEqual([{ code: "\\." }, { code: "a" }, { code: "b\n\\.\nc" }, { code: "d" }]);
    },
  );
});
