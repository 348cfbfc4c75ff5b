import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BaselineOptions, baseline } from "#lib/migrate/baseline.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { runCommand } from "../../support/command-line.ts";
import { runDrizzleKit } from "../../support/drizzle-kit.ts";
import { makeMigrationFolder, type TestFolder } from "../../support/migration-folder.ts";
import { openRun } from "../../support/run-connections.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let watcher: Connection;
let folder: TestFolder;
/** A database that has the first two tables already, made by hand. */
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  watcher = stack.use(await connect(database.address, { applicationName: "watcher" }));
  folder = stack.use(await makeMigrationFolder());
  await watcher.client.query("create table a (); create table b ()");
  await folder.write(["create table a ()", "create table b ()", "create table c ()"]);
});
afterEach(async () => stack.disposeAsync());

const postern = async (...args: string[]) => {
  const result = await runCommand([...args, "--url", database.url(), "--dir", folder.dir, "--json"]);
  return { exitCode: result.exitCode, stderr: result.stderr, ...(result.json() as Record<string, unknown>) };
};
const rows = async () => (await watcher.client.query("select * from drizzle.__drizzle_migrations order by id")).rows;

async function run(options: Partial<BaselineOptions> = {}) {
  const runId = options.runId ?? "baseline-run";
  await using connections = await openRun(database.address, runId);
  const read = await readMigrations(folder.dir);
  return await baseline(connections, { folder: read, tag: "0001_step", requestedBy: "test", ...options, runId });
}

describe("migrate --baseline", () => {
  it("records up to its tag, runs nothing, and lets migrate and drizzle-kit go on from there", async () => {
    const result = await postern("migrate", "--baseline", "0001_step");
    expect(result).toMatchObject({
      exitCode: 0,
      status: "applied",
      applied: [],
      baselined: ["0000_step", "0001_step"],
      pending: ["0002_step"],
    });
    expect(result.stderr).toContain(
      "would record 2 migrations as applied without running, where the history is empty, which leaves 1 pending",
    );
    const { output } = await runDrizzleKit("0.31", "migrate", { dir: folder.dir, url: database.url() });
    expect(output).toContain("applied successfully");
    expect(await postern("migrate")).toMatchObject({ status: "up-to-date" });
    expect(await rows()).toHaveLength(3);
  });

  it("of a folder of drizzle 1.0 is accepted by drizzle 1.0", async () => {
    await rm(join(folder.dir, "meta"), { recursive: true });
    for (const [index, table] of ["a", "b", "c"].entries()) {
      await rm(join(folder.dir, `000${index}_step.sql`));
      await mkdir(join(folder.dir, `2026010203040${index}_${table}`));
      await writeFile(join(folder.dir, `2026010203040${index}_${table}`, "migration.sql"), `create table ${table} ()`);
    }
    expect(await postern("migrate", "--baseline", "20260102030401_b")).toMatchObject({ status: "applied" });
    const { exitCode, output } = await runDrizzleKit("1.0", "migrate", { dir: folder.dir, url: database.url() });
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect((await rows()).map(({ name }) => name)).toEqual([
      "20260102030400_a",
      "20260102030401_b",
      "20260102030402_c",
    ]);
  });

  it("names tags that are near one that is not there, before it connects", async () => {
    const url = "postgres://me@127.0.0.1:1/app";
    const { exitCode, json } = await runCommand([
      "migrate",
      "--url",
      url,
      "--dir",
      folder.dir,
      "--baseline",
      "001_step",
      "--json",
    ]);
    expect(exitCode).toBe(2);
    expect(json()).toMatchObject({
      error: { code: "baseline.unknown-tag", message: expect.stringMatching(/"001_step": near it are 0001_step, /u) },
    });
  });

  it("does not go together with --approve", async () => {
    const result = await postern("migrate", "--baseline", "0001_step", "--approve", "0".repeat(64));
    expect(result).toMatchObject({ exitCode: 2, error: { code: "usage.invalid" } });
  });

  it("is refused on a history that is not empty, which it names, and leaves it as it is", async () => {
    await run({ tag: "0000_step" });
    const before = await rows();
    expect(await postern("migrate", "--baseline", "0001_step")).toMatchObject({
      exitCode: 1,
      status: "refused",
      baselined: [],
      error: { code: "baseline.not-empty", message: expect.stringContaining("0000_step") },
    });
    expect(await rows()).toEqual(before);
  });

  it("is refused on the history of another folder", async () => {
    await run();
    await watcher.client.query("update drizzle.__drizzle_migrations set hash = 'other', created_at = 5");
    expect(await run({ runId: "baseline-other" })).toMatchObject({
      status: "refused",
      error: { code: "baseline.not-empty", message: expect.stringContaining("1970-01-01") },
    });
  });

  it("is refused for a folder with a file that is no migration, unless that is let be", async () => {
    await writeFile(join(folder.dir, "0099_lost.sql"), "select 1");
    expect(await run({ runId: "baseline-1" })).toMatchObject({ error: { code: "history.unlisted-file" } });
    expect(await rows()).toEqual([]);
    expect(await run({ runId: "baseline-2", allow: ["history.unlisted-file"] })).toMatchObject({ status: "applied" });
  });

  it("gives the first outcome for a run id that was used, and records nothing again", async () => {
    const first = await run();
    expect(await run()).toEqual(first);
    expect(await rows()).toHaveLength(2);
  });

  it("of which one row cannot be recorded records none", async () => {
    await run({ tag: "0000_step" });
    await watcher.client.query(
      "delete from drizzle.__drizzle_migrations; create unique index one_only on drizzle.__drizzle_migrations ((true))",
    );
    await expect(run({ runId: "baseline-2" })).rejects.toMatchObject({ sqlState: "23505" });
    expect(await rows()).toEqual([]);
  });

  it("waits for the run lock as long as --lock-wait says, and ends who holds it with --steal-lock", async () => {
    await watcher.client.query("select pg_advisory_lock(1886351476, 1)");
    const flags = ["migrate", "--baseline", "0001_step"];
    const late = await postern(...flags, "--lock-wait", "10ms");
    expect(late).toMatchObject({ exitCode: 1, error: { code: "lock.held" } });
    watcher.client.once("error", () => undefined);
    expect(await postern(...flags, "--steal-lock")).toMatchObject({ exitCode: 0, status: "applied" });
  });

  it("waits for the run lock: of two at once one records, the other is refused", async () => {
    const results = await Promise.all([run({ runId: "baseline-1" }), run({ runId: "baseline-2" })]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["applied", "refused"]);
    expect(await rows()).toHaveLength(2);
  });
});
