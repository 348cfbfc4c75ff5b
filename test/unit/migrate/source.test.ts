import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMigrations } from "#lib/migrate/source.ts";

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
    ["a tag named twice", JSON.stringify({ entries: [entry(0, "a"), entry(1, "a")] })],
    ["two tags with one time", JSON.stringify({ entries: [entry(0, "a"), { ...entry(1, "b"), when: 1000 }] })],
  ])("refuses %s", async (_, journal) => {
    if (journal !== undefined) await writeFile(join(dir, "meta", "_journal.json"), journal);
    expect(await refusal()).toMatchObject({ code: "migrations.broken-journal" });
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
    expect(await refusal()).toMatchObject({ code: "migrations.invalid-file" });
  });
});
