import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate as migrateWithDrizzle } from "drizzle-orm/node-postgres/migrator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { beginRun, runApplicationName } from "#lib/migrate/ledger/ledger.ts";
import { type MigrateOptions, migrate } from "#lib/migrate/migrate.ts";
import { readProgress } from "#lib/migrate/ledger/progress.ts";
import { type Migration, readMigrations } from "#lib/migrate/folder/source.ts";
import { parseMigration } from "#lib/migrate/sql/parse-migration.ts";
import { readStatus } from "#lib/migrate/status.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { type TestDatabase, createTestDatabase } from "../support/postgres.ts";
import { openRun } from "../support/run-connections.ts";

let database: TestDatabase;
let dir: string;
let stack: AsyncDisposableStack;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  dir = await mkdtemp(path.join(tmpdir(), "postern-migrate-"));
  stack.defer(async () => rm(dir, { recursive: true }));
});
afterEach(async () => {
  await stack.disposeAsync();
});

/** Writes a migrations folder: one file a text, its tag from its place. */
async function writeFolder(texts: readonly string[], whenOf = (index: number) => 1_700_000_000_000 + index) {
  await mkdir(path.join(dir, "meta"), { recursive: true });
  const entries = texts.map((_, idx) => ({
    idx,
    when: whenOf(idx),
    tag: `000${idx}_step`,
    version: "7",
    breakpoints: true,
  }));
  await writeFile(
    path.join(dir, "meta", "_journal.json"),
    JSON.stringify({ version: "7", dialect: "postgresql", entries }),
  );
  await Promise.all(texts.map(async (text, index) => writeFile(path.join(dir, `000${index}_step.sql`), text)));
  return await readMigrations(dir);
}

async function open(applicationName = "test"): Promise<Connection> {
  return stack.use(await connect(database.address, { applicationName }));
}

let nextRun = 0;
async function run(texts: readonly string[], options: Partial<MigrateOptions> = {}) {
  const folder = options.folder ?? (await writeFolder(texts));
  nextRun += 1;
  const runId = options.runId ?? `test-run-${nextRun}`;
  const connections = stack.use(await openRun(database.address, runId));
  return await migrate(connections, { requestedBy: "test", lockWaitMs: 10_000, ...options, folder, runId });
}

const tables = async () => {
  const { client } = await open();
  const { rows } = await client.query<{ tablename: string }>(
    "select tablename from pg_tables where schemaname = 'public' order by tablename",
  );
  return rows.map(({ tablename }) => tablename);
};

describe("migrate", () => {
  it("applies what is pending, once", async () => {
    const texts = ["create table a (id int)", "create table b (id int);\n--> statement-breakpoint\ncreate table c ();"];
    expect(await run(texts)).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"], pending: [] });
    expect(await run(texts)).toMatchObject({ status: "up-to-date", applied: [], pending: [] });
    expect(await tables()).toEqual(["a", "b", "c"]);
  });

  it("keeps nothing of a failed migration, everything before it, and goes on after it was mended", async () => {
    const bad = "create table b (id int);\n--> statement-breakpoint\nselect\n  1 / 0;";
    const failed = await run(["create table a (id int)", bad, "create table c ()"]);
    expect(failed).toMatchObject({ status: "failed", applied: ["0000_step"], pending: ["0001_step", "0002_step"] });
    expect(failed.error).toMatchObject({ code: "migrate.failed", sqlState: "22012" });
    expect(failed.error?.message).toContain("0001_step, statement 2 of 2");
    expect(await tables()).toEqual(["a"]);

    const mended = await run(["create table a (id int)", "create table b (id int)", "create table c ()"]);
    expect(mended).toMatchObject({ status: "applied", applied: ["0001_step", "0002_step"] });
  });

  it("names the line of a syntax error", async () => {
    const { error } = await run(["create table a (\n  id int,\n  name txet not null,\n  more int\n)"]);
    expect(error?.message).toContain('type "txet" does not exist');
    expect(error?.message).toContain("0000_step.sql:3:8: ");
    expect(error?.message).toContain("LINE 3:   name txet not null,\n               ^");
  });

  it("fails a migration whose deferred constraint breaks at commit, and keeps nothing of it", async () => {
    const text = `create table a (id int primary key, b int references a deferrable initially deferred);
      insert into a values (1, 2)`;
    expect(await run([text])).toMatchObject({ status: "failed", error: { sqlState: "23503" } });
    expect(await tables()).toEqual([]);
  });

  it("refuses an applied file that was edited, and changes nothing", async () => {
    await run(["create table a (id int)"]);
    const result = await run(["create table a (id bigint)", "create table b ()"]);
    expect(result).toMatchObject({ status: "refused", error: { code: "history.edited" }, applied: [] });
    expect(await tables()).toEqual(["a"]);
  });

  it("refuses a migration that was merged behind an applied one", async () => {
    await run(["create table a ()"], {});
    const folder = await writeFolder(["create table a ()", "create table b ()"], (index) => 1_700_000_000_000 - index);
    expect(await run([], { folder })).toMatchObject({ status: "refused", error: { code: "history.out-of-order" } });
  });

  it("does nothing for a run id that was used before, and gives that run's outcome", async () => {
    const first = await run(["create table a ()"], { runId: "the-same-run-id" });
    const again = await run(["create table a ()", "create table b ()"], { runId: "the-same-run-id" });
    expect(again).toEqual(first);
    expect(await tables()).toEqual(["a"]);
  });

  it("lets a second runner wait, then apply nothing", async () => {
    const texts = ["create table a ()", "select pg_sleep(0.3)", "create table b ()"];
    const folder = await writeFolder(texts);
    const waits: string[] = [];
    const onProgress: MigrateOptions["onProgress"] = (progress) => waits.push(progress.step);
    const results = await Promise.all([0, 1, 2].map(async () => run([], { folder, onProgress })));
    expect(results.map(({ status }) => status).toSorted()).toEqual(["applied", "up-to-date", "up-to-date"]);
    expect(waits).toContain("waiting");
    const { client } = await open();
    const { rows } = await client.query("select hash from drizzle.__drizzle_migrations");
    expect(rows).toHaveLength(3);
  });

  it("names who holds the lock when it does not get it in time", async () => {
    await run(["create table a ()"]);
    const holder = await open(runApplicationName("the-holder"));
    await holder.client.query("select pg_advisory_lock(1886351476, 1)");
    const more = ["create table a ()", "create table b ()"];
    await expect(run(more, { lockWaitMs: 200 })).rejects.toMatchObject({
      code: "lock.held",
      message: expect.stringContaining("postern run the-holder"),
    });
    // The lock is free again, and so is the way.
    await holder.close();
    expect(await run(more)).toMatchObject({ status: "applied" });
  });

  it.each([
    "rollback",
    "create table b (); rollback; begin; create table c ()",
    "commit;\nselect 1 / 0",
    "savepoint s",
  ])("refuses %j before anything is applied", async (text) => {
    const refused = run(["create table a ()", text]);
    await expect(refused).rejects.toMatchObject({ code: "migrations.transaction-control" });
    expect(await tables()).toEqual([]);
  });

  it.each([
    ["rolls back", "create table b (); rollback; create table c ()"],
    ["rolls back and begins anew", "create table b (); rollback; begin; create table c ()"],
    ["commits", "create table b (); commit; select 1 / 0"],
  ])("does not record a file too large to be read before that %s by itself", async (_, text) => {
    const result = await run(["create table a ()", `-- ${"x".repeat(4 * 1024 * 1024)}\n${text}`]);
    expect(result).toMatchObject({ status: "failed", applied: ["0000_step"], pending: ["0001_step"] });
    expect(result.error).toMatchObject({ code: "migrations.own-transaction" });
    const { client } = await open();
    expect((await client.query("select from drizzle.__drizzle_migrations")).rowCount).toBe(1);
  });

  it("keeps what one migration sets for its session from the next, and from the ledger", async () => {
    const sets = "create schema other; select set_config('search_path', 'other', false); create table in_other ()";
    const result = await run([sets, "create table in_public ()", "set default_transaction_read_only = on"]);
    expect(result).toMatchObject({ status: "applied", pending: [] });
    expect(await tables()).toEqual(["in_public"]);
    const { client } = await open();
    expect((await client.query("select outcome from postern.runs")).rows).toEqual([{ outcome: "applied" }]);
  });

  it("keeps a password in a statement out of the error", async () => {
    for (const text of [
      "login password 'correct horse' bogus",
      "login password\n  bogus 'correct horse'",
      "password 'a' 'correct horse'",
    ]) {
      const folder = await writeFolder([`create role nobody_special ${text}`]);
      const atRun: unknown = await run([], { folder }).catch((error: unknown) => error);
      expect(atRun).toMatchObject({ code: "migrations.invalid-sql" });
      const refused: unknown = await parseMigration(folder.migrations[0] as Migration).then(
        undefined,
        (e: unknown) => e,
      );
      expect(refused).toMatchObject({ code: "migrations.invalid-sql", message: expect.stringMatching(/:\d+:\d+: /u) });
      expect(`${inspect(atRun)} ${inspect(refused)}`).not.toContain("correct horse");
    }
  });

  it("tells what was applied when its connection is ended, also in the ledger", async () => {
    const texts = ["create table a ()", "create table b (); select pg_terminate_backend(pg_backend_pid())"];
    const ended = await run(texts, { runId: "run-that-is-ended" });
    expect(ended).toMatchObject({ status: "failed", applied: ["0000_step"], pending: ["0001_step"] });
    expect(ended.error).toMatchObject({ sqlState: "57P01", message: expect.stringContaining("it was not committed") });
    const { client } = await open();
    const progress = await readProgress(client, "run-that-is-ended");
    expect(progress).toMatchObject({ state: "ended", result: { status: "failed", applied: ["0000_step"] } });
    expect(await tables()).toEqual(["a"]);
  });

  it("closes a run that died when the next one begins", async () => {
    expect(await run(["create table a ()"])).toMatchObject({ status: "applied" });
    const dead = await openRun(database.address, "run-that-is-lost");
    await beginRun(dead.client, { runId: "run-that-is-lost", action: "migrate", requestedBy: "test" });
    await dead[Symbol.asyncDispose]();
    expect(await run(["create table a ()", "create table b ()"])).toMatchObject({ status: "applied" });
    const { client } = await open();
    const { rows } = await client.query("select outcome, ended_at from postern.runs where run_id = 'run-that-is-lost'");
    expect(rows).toEqual([{ outcome: "lost", ended_at: expect.any(Date) }]);
    const again = run(["create table a ()", "create table b ()"], { runId: "run-that-is-lost" });
    await expect(again).rejects.toMatchObject({ code: "run.lost" });
  });

  it("lets go of statement and lock within seconds when its connection is cut", async () => {
    const folder = await writeFolder(["select pg_sleep(60)"]);
    const runId = "run-to-be-cut-off";
    const connections = stack.use(await openRun(database.address, runId));
    const outcome = migrate(connections, { folder, runId, requestedBy: "test" }).catch(() => undefined);
    const watcher = await open();
    const isActive = async () =>
      (
        await watcher.client.query(
          "select from pg_stat_activity where application_name = $1 and wait_event = 'PgSleep'",
          [runApplicationName(runId)],
        )
      ).rowCount;
    await expect.poll(isActive).toBe(1);
    // As a process that is killed: the socket is gone without a word.
    connections.client.connection.stream.destroy();
    await outcome;
    await expect.poll(isActive, { timeout: 5000 }).toBe(0);
    expect(await run(["select 1"])).toMatchObject({ status: "applied" });
  });

  it("stops between migrations when it is told to", async () => {
    const abort = new AbortController();
    const result = await run(["create table a ()", "create table b ()"], {
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    expect(result).toMatchObject({ status: "partial", applied: ["0000_step"], pending: ["0001_step"] });
  });

  it("takes turns with drizzle's own migrator on one database", async () => {
    const { client } = await open();
    const drizzleDatabase = drizzle(client);
    await run(["create table a ()"]);
    await writeFolder(["create table a ()", "create table b ()"]);
    await migrateWithDrizzle(drizzleDatabase, { migrationsFolder: dir });
    expect(await run(["create table a ()", "create table b ()", "create table c ()"])).toMatchObject({
      status: "applied",
      applied: ["0002_step"],
    });
    await migrateWithDrizzle(drizzleDatabase, { migrationsFolder: dir });
    expect(await tables()).toEqual(["a", "b", "c"]);
  });

  it("adopts a database that drizzle migrated before", async () => {
    const { client } = await open();
    await writeFolder(["create table a ()"]);
    await migrateWithDrizzle(drizzle(client), { migrationsFolder: dir });
    expect(await run(["create table a ()"])).toMatchObject({ status: "up-to-date" });
  });

  it("keeps who, what, when and how it ended in the ledger", async () => {
    await run(["create table a ()", "select 1 / 0"], {
      runId: "ledger-run-1",
      requestedBy: "ada",
      bundle: { version: "1.2.3", gitCommit: "abc" },
    });
    const { client } = await open();
    const { rows } = await client.query("select * from postern.runs");
    expect(rows).toEqual([
      expect.objectContaining({
        run_id: "ledger-run-1",
        action: "migrate",
        requested_by: "ada",
        git_commit: "abc",
        bundle_version: "1.2.3",
        outcome: "failed",
        sqlstate: "22012",
        started_at: expect.any(Date),
        ended_at: expect.any(Date),
      }),
    ]);
    const steps = await client.query("select tag, outcome, sqlstate from postern.run_migrations order by tag");
    expect(steps.rows).toEqual([
      { tag: "0000_step", outcome: "applied", sqlstate: null },
      { tag: "0001_step", outcome: "failed", sqlstate: "22012" },
    ]);
  });
});

describe("readStatus", () => {
  it("needs no more than SELECT, and works before anything was ever applied", async () => {
    const folder = await writeFolder(["create table a ()"]);
    const { client } = await open();
    await client.query("begin read only");
    expect(await readStatus(client, folder)).toEqual({ applied: [], pending: ["0000_step"], findings: [] });
    await client.query("rollback");
  });

  it("tells what is applied since when, and what is pending", async () => {
    const before = Date.now();
    await run(["create table a ()"]);
    const folder = await writeFolder(["create table a ()", "create table b ()"]);
    const { client } = await open();
    const status = await readStatus(client, folder);
    expect(status).toMatchObject({ applied: [{ tag: "0000_step" }], pending: ["0001_step"], findings: [] });
    expect(Date.parse(status.applied[0]?.at ?? "")).toBeGreaterThanOrEqual(before - 1000);
  });
});

describe("readProgress", () => {
  it("does not know a run that never began", async () => {
    const { client } = await open();
    expect(await readProgress(client, "never-began")).toEqual({ runId: "never-began", state: "unknown" });
  });

  it("gives the result of a run that ended", async () => {
    const result = await run(["create table a ()"], { runId: "run-that-ended" });
    const { client } = await open();
    expect(await readProgress(client, "run-that-ended")).toEqual({
      runId: "run-that-ended",
      state: "ended",
      action: "migrate",
      result,
    });
  });

  it("sees a run that is on, and its end when its connections are ended", async () => {
    const runId = "run-to-be-cut";
    const folder = await writeFolder(["select pg_sleep(30)"]);
    const outcome = run([], { folder, runId }).then(
      (result) => result.status,
      () => "thrown",
    );
    const { client } = await open();
    await expect.poll(async () => (await readProgress(client, runId)).state).toBe("running");
    await client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", [
      runApplicationName(runId),
    ]);
    expect(["failed", "thrown"]).toContain(await outcome);
    expect(await readProgress(client, runId)).toMatchObject({ runId, state: "ended" });
  });
});
