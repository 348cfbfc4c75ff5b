import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SeedResult } from "#lib/protocol.ts";
import { takeLease } from "#lib/migrate/run/lease.ts";
import { startProgram } from "../../support/program.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";

let play: SeedPlayground;
beforeEach(async () => {
  play = await openSeedPlayground();
  await play.client.query("create table t (id int generated always as identity primary key, name text not null)");
});
afterEach(async () => play[Symbol.asyncDispose]());

const fixture = join(import.meta.dirname, "..", "..", "support", "fixtures", "seed-in-chunks.ts");
const rowCount = 60_000;
const name = (id: number) => (id % 100 === 0 ? `two\n"lines" of ${id}` : `a name that fills the row, number ${id}`);
const ids = Array.from({ length: rowCount }, (_, index) => index + 1);

/** The same rows in each format; about 3 MB, so that CSV has a handful of pieces. */
const formats = {
  csv: {
    "1-t.csv": `id,name\n${ids.map((id) => `${id},"${name(id).replaceAll('"', '""')}"\n`).join("")}`,
  },
  ndjson: { "1-t.ndjson": ids.map((id) => `${JSON.stringify({ id, name: name(id) })}\n`).join("") },
  module: {
    "1-t.mjs": `const name = ${name.toString()};
      export const seed = { table: "t", columns: ["id", "name"], *rows() { for (let id = 1; id <= ${rowCount}; id++) yield [id, name(id)]; } };`,
  },
};

const csv = (from: number, to: number) => ids.slice(from - 1, to).map((id) => `${id},"${id} ${"x".repeat(200)}"\n`);

/** Seeds in a process of its own; killed when it has written so many chunks, most likely in the middle of the next. */
async function seedInProcess(killAfterChunks: number): Promise<SeedResult | undefined> {
  await using program = startProgram(fixture, [play.database.url(), play.seedsDir]);
  for (let chunk = 0; chunk < killAfterChunks; chunk += 1) {
    const line = await program.nextLine();
    if (line === undefined) throw new Error(program.stderr());
    if (line.startsWith("{")) return JSON.parse(line) as SeedResult;
  }
  await program.end("SIGKILL");
  return undefined;
}

const newRows = ({ tables }: SeedResult) => tables.reduce((sum, { inserted }) => sum + inserted, 0);

describe.each([
  ["csv", 10],
  ["ndjson", 3],
  ["module", 3],
] as const)("a run over %s that is killed", (format, rounds) => {
  it(
    "is finished by the next, from where it got to, and nothing is doubled or lost",
    { timeout: 240_000 },
    async () => {
      await play.write(formats[format]);
      expect(newRows(await play.seed())).toBe(rowCount);
      const undisturbed = await play.checksum();
      let resumed = 0;
      for (let round = 0; round < rounds; round += 1) {
        await play.client.query("truncate t restart identity");
        await seedInProcess(1 + (round % 5));
        if (round % 3 === 0) await seedInProcess(1);
        const result = await seedInProcess(Number.POSITIVE_INFINITY);
        expect(result).toMatchObject({ tables: [{ rows: rowCount }] });
        if (result !== undefined && newRows(result) < rowCount) resumed += 1;
        expect(await play.checksum()).toEqual(undisturbed);
        const [next] = await play.all("insert into t (name) values ('the application') returning id");
        expect(next).toEqual({ id: rowCount + 1 });
      }
      expect(resumed).toBeGreaterThanOrEqual(rounds - 2);
    },
  );
});

/** Writes the first chunk of half a megabyte, and no more. */
async function stopAfterFirstChunk(): Promise<number> {
  await play.write({ "1-t.csv": ["id,name\n", ...csv(1, 10_000)].join("") });
  const abort = new AbortController();
  const options = { chunkBytes: 1, signal: abort.signal, onProgress: () => abort.abort() };
  await expect(play.seed(options)).rejects.toMatchObject({ code: "aborted" });
  const [row] = await play.all("select count(*)::int as count from t");
  return (row as { count: number }).count;
}

describe("a run that was stopped", () => {
  it("goes on behind what is loaded: the rows before are not sent again", async () => {
    const loaded = await stopAfterFirstChunk();
    expect(loaded).toBeGreaterThan(1000);
    expect(loaded).toBeLessThan(9000);
    await play.client.query("delete from t where id = 1");
    expect(await play.seed({ chunkBytes: 1 })).toMatchObject({ tables: [{ rows: 10_000, inserted: 10_000 - loaded }] });
    // The next run looks at every row.
    expect(await play.seed()).toMatchObject({ tables: [{ rows: 10_000, inserted: 1 }] });
  });

  it("goes over the whole file when the part that is loaded was edited since", async () => {
    const loaded = await stopAfterFirstChunk();
    await play.write({ "1-t.csv": ["id,name\n", ...csv(1, 10_000)].join("").replace("1 xxx", "1 yyy") });
    await play.client.query("delete from t where id = 2");
    expect(await play.seed()).toMatchObject({ tables: [{ rows: 10_000, inserted: 10_001 - loaded }] });
  });

  it("takes what was added to the file behind the part that is loaded", async () => {
    const loaded = await stopAfterFirstChunk();
    await play.write({ "1-t.csv": ["id,name\n", ...csv(1, 12_000)].join("") });
    expect(await play.seed()).toMatchObject({ tables: [{ rows: 12_000, inserted: 12_000 - loaded }] });
  });

  it.each([
    ["empty", "truncate t"],
    ["empty but for the application's row", "truncate t; insert into t (name) values ('app')"],
  ])("begins anew when the table is %s", async (_, sql) => {
    await stopAfterFirstChunk();
    await play.client.query(sql);
    await play.seed();
    expect(await play.all("select count(*)::int from t where id <= 10000")).toEqual([{ count: 10_000 }]);
  });

  it.each([
    ["rows", { "1-t.csv": "id,name\n1,a\n" }],
    ["SQL", { "1-t.sql": "insert into t (name) values ('a')" }],
  ])("keeps nothing of %s once another run has its lease", async (_, files) => {
    await play.write(files);
    const lease = await takeLease(play.client, "the-first");
    await takeLease(play.client, "the-second");
    await expect(play.seed({ lease })).rejects.toMatchObject({ code: "run.lease-lost" });
    expect(await play.all("select count(*)::int from t")).toEqual([{ count: 0 }]);
  });

  it("passes over rows that the application wrote meanwhile", async () => {
    const loaded = await stopAfterFirstChunk();
    await play.client.query("insert into t (id, name) overriding system value values (9999, 'app')");
    expect(await play.seed({ chunkBytes: 1 })).toMatchObject({ tables: [{ rows: 10_000, inserted: 9999 - loaded }] });
    expect(await play.all("select name from t where id = 9999")).toEqual([{ name: "app" }]);
  });
});
