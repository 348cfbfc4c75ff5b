import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { readMigrationFiles as readWithDrizzle045 } from "drizzle-orm/migrator";
import { readMigrationFiles as readWithDrizzle1 } from "../../../support/drizzle-1/node_modules/drizzle-orm/migrator.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-source-"));
  await mkdir(join(dir, "meta"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

const writeJournal = async (entries: unknown) =>
  writeFile(join(dir, "meta", "_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries }));
const entry = (idx: number, tag: string) => ({ idx, version: "7", when: 1000 + idx, tag, breakpoints: true });
const refusal = async () => readMigrations(dir).then(undefined, (error: unknown) => error);

describe("readMigrations", () => {
  it("gives statements, drizzle's checksum and journal order", async () => {
    const text = "create table a ();\n--> statement-breakpoint\ncreate table b ();\n";
    await writeJournal([entry(0, "0000_first"), entry(1, "0001_second")]);
    await writeFile(join(dir, "0000_first.sql"), text);
    await writeFile(join(dir, "0001_second.sql"), "select 1;");
    const { migrations } = await readMigrations(dir);
    expect(migrations.map(({ tag }) => tag)).toEqual(["0000_first", "0001_second"]);
    expect(migrations[0]?.statements).toEqual(["create table a ();", "create table b ();"]);
    expect(migrations[0]?.checksum).toBe(createHash("sha256").update(text).digest("hex"));
  });

  it("changes its hash with any file, tag or time", async () => {
    const hashes = new Set<string>();
    for (const [tag, when, text] of [
      ["a", 1, "select 1;"],
      ["b", 1, "select 1;"],
      ["a", 2, "select 1;"],
      ["a", 1, "select 2;"],
    ] as const) {
      await writeJournal([{ ...entry(0, tag), when }]);
      await writeFile(join(dir, `${tag}.sql`), text);
      hashes.add((await readMigrations(dir)).hash);
    }
    expect(hashes.size).toBe(4);
  });

  it("refuses a folder that does not exist", async () => {
    await expect(readMigrations(join(dir, "none"))).rejects.toMatchObject({ code: "migrations.missing" });
  });

  it.each([
    ["no journal", undefined],
    ["a journal that is not JSON", "{"],
    ["a journal without entries", "{}"],
    ["an entry without a time", JSON.stringify({ entries: [{ idx: 0, tag: "a" }] })],
    ["a tag that leads out of the folder", JSON.stringify({ entries: [{ idx: 0, when: 1, tag: "../a" }] })],
    ["a tag with a line feed", JSON.stringify({ entries: [{ idx: 0, when: 1, tag: "a\nb" }] })],
    ["a time that no date has", JSON.stringify({ entries: [{ idx: 0, when: 9e15, tag: "a" }] })],
    ["a tag named twice", JSON.stringify({ entries: [entry(0, "a"), entry(1, "a")] })],
    ["two tags with one time", JSON.stringify({ entries: [entry(0, "a"), { ...entry(1, "b"), when: 1000 }] })],
  ])("refuses %s", async (_, journal) => {
    if (journal !== undefined) await writeFile(join(dir, "meta", "_journal.json"), journal);
    expect(await refusal()).toMatchObject({ code: "migrations.broken-journal" });
  });

  it("refuses a tag that is too long for a file, naming it", async () => {
    await writeJournal([entry(0, "x".repeat(300))]);
    expect(await refusal()).toMatchObject({
      code: "migrations.missing-file",
      message: expect.stringContaining("ENAMETOOLONG"),
    });
  });

  it("refuses a journal entry without its file, naming it", async () => {
    await writeJournal([entry(0, "0000_gone")]);
    expect(await refusal()).toMatchObject({
      code: "migrations.missing-file",
      message: expect.stringContaining("0000_gone"),
    });
  });

  it.each([
    ["empty", Buffer.from(" \n")],
    ["not UTF-8", Buffer.from([0x73, 0xff, 0xfe])],
  ])("refuses a file that is %s", async (_, bytes) => {
    await writeJournal([entry(0, "0000_bad")]);
    await writeFile(join(dir, "0000_bad.sql"), bytes);
    expect(await refusal()).toMatchObject({
      code: "migrations.invalid-file",
      message: expect.stringContaining(join(dir, "0000_bad.sql")),
    });
  });

  it("gives what drizzle 0.45's own reader gives, with its line ends and its byte order mark", async () => {
    const texts = ["create table a ();\r\n--> statement-breakpoint\r\nselect 1;\r\n", "\uFEFFselect 2; -- ñ 🐘"];
    await writeJournal(texts.map((_, index) => entry(index, `${index}_step`)));
    for (const [index, text] of texts.entries()) await writeFile(join(dir, `${index}_step.sql`), text);
    const { migrations } = await readMigrations(dir);
    expect(migrations.map(({ when, checksum, text }) => ({ when, checksum, text }))).toEqual(
      readWithDrizzle045({ migrationsFolder: dir }).map(({ folderMillis, hash, sql }) => ({
        when: folderMillis,
        checksum: hash,
        text: sql.join("--> statement-breakpoint"),
      })),
    );
  });

  it("names SQL files that the journal does not, and has another hash with them", async () => {
    await writeJournal([entry(0, "0000_a")]);
    await writeFile(join(dir, "0000_a.sql"), "select 1;");
    const before = await readMigrations(dir);
    for (const name of ["0001_lost.sql", "._0000_a.sql", "notes.md"]) await writeFile(join(dir, name), "select 2;");
    const after = await readMigrations(dir);
    expect({ before: before.unlisted, after: after.unlisted }).toEqual({ before: [], after: ["0001_lost.sql"] });
    expect(after.hash).not.toBe(before.hash);
  });

  it("gives each the name that drizzle-kit up would give its folder", async () => {
    const when = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    await writeJournal([{ ...entry(0, "0007_add_user's"), when }]);
    await writeFile(join(dir, "0007_add_user's.sql"), "select 1;");
    expect((await readMigrations(dir)).migrations).toMatchObject([{ name: "20260102030405_add_user's" }]);
  });

  it.each(['0000_it\'s "quoted"; drop', "0000_日本語-ñ-🐘", `0000_${"x".repeat(200)}`, "..", "0000 $1 %s {}"])(
    "takes %j for a name like any other",
    async (tag) => {
      await writeJournal([entry(0, tag)]);
      await writeFile(join(dir, `${tag}.sql`), "select 1;");
      expect((await readMigrations(dir)).migrations).toMatchObject([{ tag, text: "select 1;" }]);
    },
  );
});

const writeMigration = async (name: string, text: string | Uint8Array) => {
  await mkdir(join(dir, name), { recursive: true });
  await writeFile(join(dir, name, "migration.sql"), text);
  await writeFile(join(dir, name, "snapshot.json"), "{}");
};

describe("readMigrations of a folder of drizzle 1.0", () => {
  beforeEach(async () => rm(join(dir, "meta"), { recursive: true }));

  it("gives what drizzle 1.0's own reader gives: name, time, checksum, order", async () => {
    const crlf = "create table a ();\r\n--> statement-breakpoint\r\ncreate table b ();\r\n";
    await writeMigration("20260102030405_second", crlf);
    await writeMigration("20260102030404_first", "\uFEFFselect 1; -- ñ 🐘");
    for (const name of ["b", "B", "a-b", "a_b", "ab", "10", "9", "é"]) {
      await writeMigration(`20260202030405_${name}`, `select '${name}';`);
    }
    await writeMigration("20261399999999", "select 'no date';");
    await mkdir(join(dir, "seeds"));
    await writeFile(join(dir, "schema.ts"), "");
    const { format, migrations, unlisted } = await readMigrations(dir);
    const theirs = readWithDrizzle1({ migrationsFolder: dir });
    expect({ format, unlisted }).toEqual({ format: "folders", unlisted: [] });
    expect(migrations.map(({ tag, name, when, checksum, text }) => ({ tag, name, when, checksum, text }))).toEqual(
      theirs.map(({ name, folderMillis, hash, sql }) => ({
        tag: name,
        name,
        when: folderMillis,
        checksum: hash,
        text: sql.join("--> statement-breakpoint"),
      })),
    );
    expect(migrations[1]?.statements).toEqual(["create table a ();", "create table b ();"]);
  });

  it("names SQL files beside the folders", async () => {
    await writeMigration("20260102030405_a", "select 1;");
    await writeFile(join(dir, "0003_left-behind.sql"), "select 1;");
    expect((await readMigrations(dir)).unlisted).toEqual(["0003_left-behind.sql"]);
  });

  it("refuses a folder without its migration.sql", async () => {
    await writeMigration("20260102030405_a", "select 1;");
    await rm(join(dir, "20260102030405_a", "migration.sql"));
    expect(await refusal()).toMatchObject({
      code: "migrations.missing-file",
      message: expect.stringContaining("20260102030405_a"),
    });
  });

  it.each([
    ["without a timestamp", "first", "select 1;"],
    ["with a line feed in its name", "20260102030405_a\nb", "select 1;"],
    ["with an empty file", "20260102030405_a", "\n"],
    ["with a file that is not UTF-8", "20260102030405_a", Buffer.from([0xff])],
  ])("refuses a folder %s", async (_, name, text) => {
    await writeMigration(name, text);
    expect(await refusal()).toMatchObject({ code: "migrations.invalid-file" });
  });

  it("refuses a folder in both formats, and one in neither", async () => {
    expect(await refusal()).toMatchObject({ code: "migrations.unknown-format" });
    await writeMigration("20260102030405_a", "select 1;");
    await mkdir(join(dir, "meta"));
    expect(await readMigrations(dir)).toMatchObject({ format: "folders" });
    await writeJournal([entry(0, "a")]);
    expect(await refusal()).toMatchObject({ code: "migrations.mixed-formats" });
  });
});

it("reads thousands of files with few of them open", async () => {
  const entries = Array.from({ length: 2000 }, (_, index) => entry(index, `${index}_step`));
  await writeJournal(entries);
  for (const { tag } of entries) await writeFile(join(dir, `${tag}.sql`), `select '${tag}';`);
  const script = `
    import { readMigrations } from ${JSON.stringify(join(import.meta.dirname, "../../../../lib/migrate/folder/source.ts"))};
    console.log((await readMigrations(${JSON.stringify(dir)})).migrations.length);`;
  const command = `ulimit -n 100 && exec "$0" --input-type=module --eval "$1"`;
  const { stdout } = await promisify(execFile)("sh", ["-c", command, process.execPath, script]);
  expect(stdout.trim()).toBe("2000");
});
