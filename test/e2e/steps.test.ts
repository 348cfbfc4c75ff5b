import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { migrate, type MigrateOptions, type MigrateProgress } from "#lib/migrate/migrate.ts";
import { readStatus } from "#lib/migrate/status.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { makeMigrationFolder, type TestFolder } from "../support/migration-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { openRun } from "../support/run-connections.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: TestFolder;
let watcher: Connection;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeMigrationFolder());
  watcher = stack.use(await connect(database.address, { applicationName: "watcher" }));
});
afterEach(async () => stack.disposeAsync());

let nextRun = 0;
async function run(texts: readonly string[], options: Partial<MigrateOptions> = {}) {
  nextRun += 1;
  const runId = `steps-run-${nextRun}`;
  const events: MigrateProgress[] = [];
  await using connections = await openRun(database.address, runId);
  const onProgress = (event: MigrateProgress) => events.push(event);
  const result = await migrate(connections, {
    requestedBy: "test",
    ...options,
    runId,
    onProgress,
    folder: await folder.write(texts),
  });
  return { ...result, events };
}

const inOtherSchema = (third: string) =>
  `set search_path = other; create table t (n int); ${third}; create index concurrently t_n_idx on t (n)`;

const query = async (sql: string) => (await watcher.client.query(sql)).rows as Record<string, unknown>[];

describe("a migration that cannot run in a transaction", () => {
  it("runs statement by statement and is recorded at its end", async () => {
    const text =
      "create table t (n int); create index concurrently t_n_idx on t (n); vacuum t; insert into t values (1)";
    expect(await run([text])).toMatchObject({ status: "applied", applied: ["0000_step"] });
    expect(
      await query("select indexrelid::regclass::text as name from pg_index where indrelid = 't'::regclass"),
    ).toEqual([{ name: "t_n_idx" }]);
    expect(await query("select from postern.migration_steps")).toEqual([]);
    expect(await run([text])).toMatchObject({ status: "up-to-date" });
  });

  it("goes on at the statement that failed, with what it had set for its session", async () => {
    await query("create schema other");
    const failed = await run([inOtherSchema("insert into t values ('x')")]);
    expect(failed).toMatchObject({
      status: "failed",
      applied: [],
      error: { code: "migrate.failed", sqlState: "22P02" },
    });
    expect(failed.error?.message).toContain("0000_step, statement 3 of 4: 0000_step.sql:1:");
    const half = await readStatus(watcher.client, await folder.write([inOtherSchema("insert into t values ('x')")]));
    expect(half).toMatchObject({ pending: ["0000_step"], halfApplied: [{ tag: "0000_step", statements: 1 }] });

    const mended = await run([inOtherSchema("insert into t values (1)")]);
    expect(mended).toMatchObject({ status: "applied" });
    expect(mended.events).toContainEqual({ step: "resumed", tag: "0000_step", statement: 3, of: 4 });
    expect(await query("select n from other.t")).toEqual([{ n: 1 }]);
    expect(await query("select indisvalid from pg_index where indrelid = 'other.t'::regclass")).toEqual([
      { indisvalid: true },
    ]);
  });

  it("is refused when what has run was edited", async () => {
    await run(["create table t (n int); create index concurrently t_n_idx on nowhere (n)"]);
    const edited = await run(["create table u (n int); create index concurrently t_n_idx on u (n)"]);
    expect(edited).toMatchObject({ status: "failed", error: { code: "migrate.step-changed" } });
    expect(await query("select to_regclass('u') as u")).toEqual([{ u: null }]);
  });

  it("goes on statement by statement when what had to run on its own was edited away", async () => {
    const first = "create table t (n int); insert into t values (1)";
    await run([`${first}; create index concurrently t_n_idx on nowhere (n)`]);
    const mended = await run([`${first}; create index t_n_idx on t (n)`]);
    expect(mended).toMatchObject({ status: "applied" });
    expect(await query("select n from t")).toEqual([{ n: 1 }]);
  });

  it.each(["", "if not exists "])("builds an index anew that a failed build left invalid (%s)", async (ifNotExists) => {
    await query("create table t (n int); insert into t values (1), (1)");
    const texts = [`create unique index concurrently ${ifNotExists}t_n_key on t (n)`];
    // As somebody's psql would leave it; what the runner's own build leaves it drops itself.
    await expect(query("create unique index concurrently t_n_key on t (n)")).rejects.toMatchObject({ code: "23505" });
    expect(await query("select indisvalid from pg_index where indrelid = 't'::regclass")).toEqual([
      { indisvalid: false },
    ]);
    await query("delete from t where ctid = (select max(ctid) from t)");

    const again = await run(texts);
    expect(again).toMatchObject({ status: "applied" });
    expect(again.events).toContainEqual({
      step: "dropped-invalid-index",
      tag: "0000_step",
      index: '"public"."t_n_key"',
    });
    await expect(query("insert into t values (1)")).rejects.toMatchObject({ code: "23505" });
  });

  it("finishes a detachment that was cut off between its two phases, and knows one that was done", async () => {
    const text = "alter table p detach partition p1 concurrently; create table done ()";
    const underWay = async () => {
      await run(["select 1"]);
      await query(`insert into postern.migration_steps (tag, step, checksum, state, run_id)
        select '0001_step', 1, encode(sha256('alter table p detach partition p1 concurrently'), 'hex'), 'running', run_id
        from postern.runs limit 1`);
    };
    await query("create table p (n int) partition by list (n); create table p1 partition of p for values in (1)");
    await underWay();
    await query("update pg_inherits set inhdetachpending = true where inhrelid = 'p1'::regclass");
    expect(await run(["select 1", text])).toMatchObject({ status: "applied" });
    expect(await query("select from pg_inherits where inhrelid = 'p1'::regclass")).toEqual([]);
  });

  it("is found again when it was renamed, and a baseline does not take it for applied", async () => {
    const text = "create table t (n int); create index concurrently t_n_idx on nowhere (n)";
    await run([text]);
    await query("update postern.migration_steps set tag = '0000_old'");
    expect(await run([text])).toMatchObject({ status: "refused", error: { code: "history.half-applied" } });
    const status = await readStatus(watcher.client, await folder.write([text]));
    expect(status.findings).toMatchObject([{ code: "history.half-applied", tag: "0000_old" }]);
  });

  it("adds an enum value and uses it", async () => {
    const text =
      "create type mood as enum ('ok'); alter type mood add value 'great'; create table t (m mood default 'great')";
    expect(await run([text])).toMatchObject({ status: "applied" });
    expect(await query("insert into t default values returning m::text")).toEqual([{ m: "great" }]);
  });

  it("is refused before anything runs when a concurrent index has no name", async () => {
    const refused = run(["create table t (n int)", "create index concurrently on t (n)"]);
    await expect(refused).rejects.toMatchObject({
      code: "migrations.unnamed-index",
      message: expect.stringContaining("0001_step.sql:1"),
    });
    expect(await query("select to_regclass('t') as t")).toEqual([{ t: null }]);
  });
});

describe("a deadline", () => {
  it("stops between migrations, and the next run goes on", async () => {
    const texts = ["create table a ()", "create table b ()"];
    let left = 60_000;
    const first = await run(texts, {
      remainingMs: () => {
        left -= 15_000;
        return left;
      },
    });
    expect(first).toMatchObject({ status: "partial", pending: expect.arrayContaining(["0001_step"]) });
    expect(first).not.toHaveProperty("error");
    expect(await run(texts)).toMatchObject({ status: "applied", pending: [] });
  });

  it("fails a migration that had all the time and needs more, and keeps nothing of it", async () => {
    const startMs = performance.now();
    const remainingMs = () => 600 - (performance.now() - startMs);
    const result = await run(["create table a (); select pg_sleep(30)"], { remainingMs, minStartMs: 0 });
    expect(result).toMatchObject({ status: "failed", applied: [], error: { code: "migrate.deadline" } });
    expect(await query("select to_regclass('a') as a")).toEqual([{ a: null }]);
  });

  it("leaves one that is cut off after others to the next run", async () => {
    const startMs = performance.now();
    const remainingMs = () => 1000 - (performance.now() - startMs);
    const result = await run(["create table a ()", "select pg_sleep(30)"], { remainingMs, minStartMs: 0 });
    expect(result).toMatchObject({ status: "partial", applied: ["0000_step"], pending: ["0001_step"] });
  });
});
