import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RehearsalResult } from "#lib/protocol.ts";
import { planMigrations } from "#lib/migrate/plan/plan.ts";
import { readProgress } from "#lib/migrate/ledger/progress.ts";
import { rehearse, type RehearseOptions } from "#lib/migrate/rehearse/rehearse.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { makeMigrationFolder, type TestFolder } from "../../support/migration-folder.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { openRun } from "../../support/run-connections.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: TestFolder;
let watcher: Connection;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeMigrationFolder());
  watcher = stack.use(await connect(database.address, { applicationName: "watcher" }));
  await watcher.client.query(`
    create table parent (id int primary key);
    create table t (id int primary key, n int, parent_id int references parent deferrable initially deferred);
    insert into t select g, g from generate_series(1, 1000) g;
    create type mood as enum ('ok');
    create sequence s;`);
});
afterEach(async () => stack.disposeAsync());

let nextRun = 0;
async function run(texts: readonly string[], options: Partial<RehearseOptions> = {}): Promise<RehearsalResult> {
  nextRun += 1;
  const runId = `rehearse-${nextRun}`;
  const connections = stack.use(await openRun(database.address, runId));
  return await rehearse(connections, {
    requestedBy: "test",
    runId,
    ...options,
    folder: await folder.write(texts),
  });
}

/** Everything that a migration could have changed, the ledger apart. */
async function fingerprint(): Promise<unknown> {
  const { rows } = await watcher.client.query(`
    select c.relname, pg_relation_filenode(c.oid) as node,
      (select json_agg(a.attname || ':' || a.atttypid || a.attnotnull order by a.attnum) from pg_attribute a
       where a.attrelid = c.oid and not a.attisdropped) as columns
    from pg_class c where c.relnamespace = 'public'::regnamespace order by 1`);
  const { rows: counts } = await watcher.client.query("select count(*), sum(n) from t");
  return { rows, counts };
}

const outcomes = ({ migrations }: RehearsalResult) => migrations.map(({ outcome }) => outcome);

describe("a rehearsal", () => {
  it("says what was locked and written anew, and leaves everything as it was", async () => {
    const before = await fingerprint();
    const result = await run([
      "create table other (id int);\nalter table t alter n type bigint;",
      "alter table other add column x int;\nupdate t set n = n + 1;\ndrop table parent cascade;",
    ]);
    expect(result).toMatchObject({
      status: "passed",
      planHash: (await planMigrations(watcher.client, await readMigrations(folder.dir))).planHash,
      migrations: [
        {
          tag: "0000_step",
          outcome: "passed",
          statements: [
            { line: 1, locks: [], rewritten: [] },
            {
              line: 2,
              locks: [{ table: "public.t", mode: "ACCESS EXCLUSIVE" }],
              rewritten: expect.arrayContaining(["public.t"]),
            },
          ],
        },
        {
          tag: "0001_step",
          outcome: "passed",
          statements: [
            { line: 1, locks: [] },
            { line: 2, locks: [{ table: "public.t", mode: "ROW EXCLUSIVE" }], rewritten: [] },
            { line: 3, locks: expect.arrayContaining([{ table: "public.parent", mode: "ACCESS EXCLUSIVE" }]) },
          ],
        },
      ],
    });
    expect(await fingerprint()).toEqual(before);
    expect(await readProgress(watcher.client, result.runId)).toMatchObject({
      state: "ended",
      result: { status: "passed" },
    });
  });

  it("shows the place of what fails, and goes no further", async () => {
    const before = await fingerprint();
    const result = await run(["create table a ()", "select 1;\nselect 'é',\n  n / 0 from t;", "create table b ()"]);
    expect(result).toMatchObject({ status: "failed", error: { code: "rehearsal.failed", sqlState: "22012" } });
    expect(outcomes(result)).toEqual(["passed", "failed", "not-reached"]);
    expect(result.error?.message).toMatch(/^0001_step\.sql:2:1: division by zero\nLINE 2:/u);
    expect(await fingerprint()).toEqual(before);
  });

  it("puts the caret where the server says", async () => {
    const result = await run(["select 1;\nselect 'é😀', nowhere from t;"]);
    expect(result.error?.message).toBe(
      [
        '0000_step.sql:2:14: column "nowhere" does not exist',
        "LINE 2: select 'é😀', nowhere from t;",
        "                     ^",
      ].join("\n"),
    );
  });

  it("never runs what cannot be rolled back, and says so", async () => {
    const result = await run([
      "create index concurrently t_n on t (n)",
      "select setval('s', 100)",
      "copy t to program 'cat'",
      "vacuum t",
      "alter table t add column x int",
    ]);
    expect(result.status).toBe("partial");
    expect(result.migrations).toMatchObject([
      { outcome: "skipped", reason: expect.stringContaining("CREATE INDEX CONCURRENTLY cannot run in a transaction") },
      { outcome: "skipped", reason: "setval() in line 1, which a rollback does not undo" },
      { outcome: "skipped", reason: expect.stringContaining("COPY … PROGRAM") },
      { outcome: "skipped", reason: expect.stringContaining("VACUUM") },
      { outcome: "passed" },
    ]);
    const { rows } = await watcher.client.query("select last_value, to_regclass('t_n') as index from s");
    expect(rows).toEqual([{ last_value: "1", index: null }]);
  });

  it("does not queue behind a lock for longer than its limit, so that nobody queues behind it", async () => {
    const holder = stack.use(await connect(database.address, { applicationName: "holder" }));
    await holder.client.query("begin; select from t");
    const result = await run(["alter table t add column x int"], { lockTimeoutMs: 50 });
    expect(result).toMatchObject({ status: "failed", error: { sqlState: "55P03" } });
    await holder.client.query("rollback");
  });

  it("stops a statement that works for too long under its locks", async () => {
    const result = await run(["alter table t add column x int; select pg_sleep(30)"], { statementTimeoutMs: 50 });
    expect(result).toMatchObject({ status: "failed", error: { sqlState: "57014" } });
  });

  it("begins nothing once its time is over", async () => {
    const result = await run(["create table a ()", "create table b ()"], { totalMs: -1 });
    expect(result.status).toBe("partial");
    expect(outcomes(result)).toEqual(["skipped", "not-reached"]);
  });

  it("finds the deferred constraint that the commit would trip over", async () => {
    const result = await run(["insert into t values (5000, 1, 77)", "insert into parent values (77)"]);
    expect(result).toMatchObject({ status: "failed", error: { sqlState: "23503" } });
    expect(outcomes(result)).toEqual(["failed", "not-reached"]);
  });

  it("leaves constraints deferred for the next migration", async () => {
    const late = "insert into t values (5000, 1, 77); insert into parent values (77)";
    expect(await run(["select 1", late])).toMatchObject({ status: "passed" });
  });

  it("blames nobody for what only one transaction cannot do", async () => {
    const result = await run(["alter type mood add value 'new'", "select 'new'::mood", "select 1"]);
    expect(result.status).toBe("partial");
    expect(outcomes(result)).toEqual(["passed", "skipped", "not-reached"]);
    expect(result.migrations[1]?.reason).toContain("enum value");
  });

  it("of a history that contradicts the folder is refused", async () => {
    await run(["select 1"]);
    await watcher.client.query("insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1)");
    expect(await run(["select 1"])).toMatchObject({
      status: "refused",
      migrations: [],
      error: { code: "history.missing-file" },
    });
  });
});

it("ends when its run is cancelled, and keeps nothing", async () => {
  const outcome = run(["create table kept ()", "select pg_sleep(60)"], { statementTimeoutMs: 60_000 });
  const isAsleep = async () =>
    (await watcher.client.query("select from pg_stat_activity where wait_event = 'PgSleep'")).rowCount;
  await expect.poll(isAsleep, { timeout: 5000 }).toBe(1);
  await watcher.client.query("update postern.runs set cancelled_by = 'me'");
  expect(await outcome).toMatchObject({
    status: "partial",
    error: { code: "run.cancelled" },
    migrations: [{ outcome: "passed" }, { outcome: "skipped", reason: "the rehearsal was called off" }],
  });
  expect((await watcher.client.query("select from pg_class where relname = 'kept'")).rowCount).toBe(0);
});
