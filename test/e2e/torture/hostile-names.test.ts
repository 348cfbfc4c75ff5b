import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useMigrateBench } from "../../support/migrate-bench.ts";

const bench = useMigrateBench();

async function writeAs(tag: string, text: string) {
  const { folder } = bench();
  await mkdir(join(folder.dir, "meta"), { recursive: true });
  await writeFile(join(folder.dir, "meta", "_journal.json"), JSON.stringify({ entries: [{ idx: 0, when: 1, tag }] }));
  await writeFile(join(folder.dir, `${tag}.sql`), text);
  return await folder.read();
}

const tags = [
  "0000_o'clock'); drop table postern.runs; --",
  '0000_"quoted"',
  "0000_$do$ $$ %I %s",
  "0000_таблица_表_🐘",
  `0000_${"n".repeat(200)}`,
];

describe("hostile names", () => {
  it.each(tags)("of a migration are data: %j", async (tag) => {
    const { run, rows } = bench();
    const applied = await run({ folder: await writeAs(tag, "create table a (); create table b ()") });
    expect(applied).toMatchObject({ status: "applied", applied: [tag] });
    expect(await rows("select tag from postern.run_migrations")).toEqual([{ tag }]);
    expect(await run()).toMatchObject({ status: "up-to-date" });
  });

  it.each(tags)("of a migration that goes step by step, fails and goes on, are data: %j", async (tag) => {
    const { run, rows } = bench();
    const text = "create table a (id int); create index concurrently a_idx on a (id); ";
    const failed = await run({ folder: await writeAs(tag, `${text} select 1 / 0`) });
    expect(failed).toMatchObject({ status: "failed", error: { sqlState: "22012" } });
    expect(await run({ folder: await writeAs(tag, `${text} select 1`) })).toMatchObject({ status: "applied" });
    expect(await rows("select from postern.migration_steps")).toEqual([]);
  });

  it.each(['say "hi"; drop table a', "Tabelle_表_🐘", "n".repeat(63), "o'clock", "UPPER case"])(
    "of tables and indexes are quoted when an invalid index is dropped and built anew: %j",
    async (name) => {
      const { run, rows, client, folder } = bench();
      const quoted = `"${name.replaceAll('"', '""')}"`;
      const schema = `"s${quoted.slice(1)}`.replace(/n"$/u, '"');
      const index = `"i${quoted.slice(1)}`.replace(/n"$/u, '"');
      const table = `create schema ${schema}; create table ${schema}.${quoted} (id int); insert into ${schema}.${quoted} values (1), (1)`;
      const build = `create unique index concurrently if not exists ${index} on ${schema}.${quoted} (id)`;
      await folder.write([table, build]);
      expect(await run()).toMatchObject({ status: "failed", error: { sqlState: "23505" } });
      await expect(client.query(build)).rejects.toMatchObject({ code: "23505" });
      await client.query(`delete from ${schema}.${quoted}`);
      expect(await run()).toMatchObject({ status: "applied" });
      expect(
        await rows("select indisvalid from pg_index where indrelid = to_regclass($1)", [`${schema}.${quoted}`]),
      ).toEqual([{ indisvalid: true }]);
    },
  );
});

describe("a breakpoint at the end of a comment", () => {
  it("ends the comment too: what stands behind it is run, as drizzle runs it", async () => {
    const { run, rows, folder } = bench();
    await folder.write(["create table a (); -- the first --> statement-breakpoint create table b ()"]);
    expect(await run()).toMatchObject({ status: "applied" });
    expect(await rows("select tablename as name from pg_tables where schemaname = 'public' order by 1")).toEqual([
      { name: "a" },
      { name: "b" },
    ]);
  });
});
