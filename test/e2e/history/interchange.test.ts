import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { repositoryRoot, runCommand } from "../../support/command-line.ts";
import { runDrizzleKit } from "../../support/drizzle-kit.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let watcher: Connection;
let dir: string;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  watcher = stack.use(await connect(database.address, { applicationName: "watcher" }));
  dir = await mkdtemp(join(tmpdir(), "postern-interchange-"));
  stack.defer(async () => rm(dir, { recursive: true }));
});
afterEach(async () => stack.disposeAsync());

/** Each makes a table, so that applying it twice fails. */
const textOf = (index: number) => `create table t${index} ();\n--> statement-breakpoint\nselect 1;\n`;

async function writeJournalFolder(count: number): Promise<void> {
  await mkdir(join(dir, "meta"), { recursive: true });
  const entries = Array.from({ length: count }, (_, idx) => ({
    idx,
    version: "7",
    when: 1_700_000_000_123 + idx * 60_000,
    tag: `000${idx}_step`,
    breakpoints: true,
  }));
  const journal = { version: "7", dialect: "postgresql", entries };
  await writeFile(join(dir, "meta", "_journal.json"), JSON.stringify(journal));
  for (const { idx, tag } of entries) await writeFile(join(dir, `${tag}.sql`), textOf(idx));
}

const folderOf = (index: number) => `2026010203040${index}_step`;

async function writeFolder(index: number, name = folderOf(index)): Promise<void> {
  await mkdir(join(dir, name), { recursive: true });
  await writeFile(join(dir, name, "migration.sql"), textOf(index));
}

const postern = async (verb: "migrate" | "status", ...flags: string[]) => {
  const result = await runCommand([verb, "--url", database.url(), "--dir", dir, "--json", ...flags]);
  return { exitCode: result.exitCode, ...(result.json() as Record<string, unknown>) };
};
const kit = async (version: "0.31" | "1.0", verb: "migrate" | "up" = "migrate") => {
  const { exitCode, output } = await runDrizzleKit(version, verb, { dir, url: database.url() });
  expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({ exitCode: 0, output: "" });
};
const rows = async () => (await watcher.client.query("select * from drizzle.__drizzle_migrations order by id")).rows;
const clean = { exitCode: 0, pending: [], findings: [] };

describe("drizzle-kit 0.31 and Postern", () => {
  it("take turns on one database: each goes on where the other stopped", async () => {
    await writeJournalFolder(2);
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"] });
    await writeJournalFolder(3);
    await kit("0.31");
    expect(await postern("status")).toMatchObject({ ...clean, applied: [{}, {}, { tag: "0002_step" }] });
    await writeJournalFolder(5);
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: ["0003_step", "0004_step"] });
    await kit("0.31");
    expect(await rows()).toHaveLength(5);
    expect(await postern("status")).toMatchObject(clean);
  });

  it("take turns when drizzle-kit was first", async () => {
    await writeJournalFolder(2);
    await kit("0.31");
    await writeJournalFolder(3);
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: ["0002_step"] });
    await kit("0.31");
    expect(await postern("migrate")).toMatchObject({ status: "up-to-date" });
    expect(await rows()).toHaveLength(3);
  });
});

describe("drizzle 1.0 and Postern", () => {
  it("take turns when Postern was first, which makes 1.0's table", async () => {
    await writeFolder(0);
    await writeFolder(1);
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: [folderOf(0), folderOf(1)] });
    await writeFolder(2);
    await kit("1.0");
    await writeFolder(3);
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: [folderOf(3)] });
    await kit("1.0");
    expect((await rows()).map(({ name }) => name)).toEqual([0, 1, 2, 3].map(folderOf));
    expect(await postern("status")).toMatchObject(clean);
  });

  it("take turns when drizzle was first, and leave each other's rows as they are", async () => {
    await writeFolder(0);
    await kit("1.0");
    const [first] = await rows();
    await writeFolder(1);
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: [folderOf(1)] });
    await kit("1.0");
    expect(await rows()).toEqual([
      first,
      {
        ...first,
        id: 2,
        created_at: expect.any(String),
        name: folderOf(1),
        hash: expect.any(String),
        applied_at: expect.any(Date),
      },
    ]);
    expect(await postern("status")).toMatchObject(clean);
  });

  it("both apply two migrations of the same second, in the order of their names", async () => {
    await writeFolder(1, "20260102030405_b");
    await writeFolder(0, "20260102030405_a");
    expect(await postern("migrate")).toMatchObject({ applied: ["20260102030405_a", "20260102030405_b"] });
    await kit("1.0");
    await writeFolder(2, "20260102030406_c");
    await writeFolder(3, "20260102030406_d");
    await kit("1.0");
    expect(await rows()).toHaveLength(4);
    expect(await postern("status")).toMatchObject(clean);
  });

  it("agree on one that was merged late, once it is let be", async () => {
    await writeFolder(2);
    await postern("migrate");
    await writeFolder(1);
    expect(await postern("migrate")).toMatchObject({ status: "refused", error: { code: "history.out-of-order" } });
    expect(await postern("migrate", "--allow-out-of-order")).toMatchObject({ applied: [folderOf(1)] });
    await kit("1.0");
    expect(await rows()).toHaveLength(2);
  });

  it("agree on names that need quoting", async () => {
    const name = `20260102030405_it's "q" $1 日本語 ${"x".repeat(80)}`;
    await writeFolder(0, name);
    expect(await postern("migrate")).toMatchObject({ applied: [name] });
    await kit("1.0");
    expect(await rows()).toMatchObject([{ name }]);
  });
});

describe("a project that moves from drizzle 0.45 to 1.0", () => {
  beforeEach(async () => {
    await cp(join(repositoryRoot, "migrations"), dir, { recursive: true });
    for (const name of ["schema.ts", "seeds"]) await rm(join(dir, name), { recursive: true });
    // 1.0's `up` refuses two migrations of one second, for their folders may sort the wrong way round.
    const path = join(dir, "meta", "_journal.json");
    const journal = JSON.parse(await readFile(path, "utf8")) as { entries: { when: number }[] };
    for (const [index, entry] of journal.entries.entries()) entry.when += index * 1000;
    await writeFile(path, JSON.stringify(journal));
  });

  it("keeps its history: Postern reads the old table with the new folder, and the table after its upgrade", async () => {
    const { migrations: before } = await readMigrations(dir);
    await kit("0.31");
    await kit("1.0", "up");
    expect(await readdir(dir)).not.toContain("meta");
    expect(await postern("status")).toMatchObject({ ...clean, applied: before.map(({ name }) => ({ tag: name })) });
    // Written into the old table, as 1.0's upgrade will want to find it.
    await writeFolder(0, "20991231235958_next");
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: ["20991231235958_next"] });
    await kit("1.0");
    expect((await rows()).map(({ name }) => name)).toEqual([...before.map(({ name }) => name), "20991231235958_next"]);
    await writeFolder(1, "20991231235959_last");
    expect(await postern("migrate")).toMatchObject({ status: "applied", applied: ["20991231235959_last"] });
    await kit("1.0");
    expect(await postern("status")).toMatchObject(clean);
  });

  it("may have old code on the upgraded table: what Postern writes from a journal, 1.0 finds under its name", async () => {
    const old = await mkdtemp(join(tmpdir(), "postern-interchange-old-"));
    stack.defer(async () => rm(old, { recursive: true }));
    await cp(dir, old, { recursive: true });
    const journal = await readMigrations(old);
    // The first five with 1.0, on a copy of the folder that was upgraded.
    await kit("1.0", "up");
    const last = journal.migrations.at(-1)?.name ?? "";
    await cp(join(dir, last), join(old, "kept"), { recursive: true });
    await rm(join(dir, last), { recursive: true });
    await kit("1.0");
    await rm(join(old, "kept"), { recursive: true });
    const args = ["migrate", "--url", database.url(), "--dir", old, "--json"];
    expect((await runCommand(args)).json()).toMatchObject({
      status: "applied",
      applied: [journal.migrations.at(-1)?.tag],
    });
    await writeFolder(9, last);
    await kit("1.0");
    expect((await rows()).map(({ name }) => name)).toEqual(journal.migrations.map(({ name }) => name));
  });
});
