import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SeedResult } from "#lib/protocol.ts";
import { readRun } from "#lib/migrate/ledger/ledger.ts";
import { cancelRun } from "#lib/migrate/ledger/progress.ts";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import { recordedSeed, type RecordedSeedOptions } from "#lib/migrate/seed/recorded-seed.ts";
import { seed } from "#lib/migrate/seed/seed.ts";
import { connect } from "#lib/postgres/connect.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";
import { waitFor } from "../../support/wait-for.ts";

let play: SeedPlayground;
beforeEach(async () => {
  play = await openSeedPlayground();
  await play.client.query("create table t (id int primary key, name text)");
});
afterEach(async () => play[Symbol.asyncDispose]());

async function run(options: Partial<RecordedSeedOptions> = {}): Promise<SeedResult> {
  const runId = options.runId ?? randomUUID();
  const { address } = play.database;
  await using connections = await connectForRun(runId, async (how) => connect(address, how));
  const what = { seedsDir: play.seedsDir, set: "s", bundle: undefined };
  return await recordedSeed(connections, { ...what, requestedBy: "a test", ...options, runId });
}

/** Whether a statement waits for a lock, or sleeps: one that merely runs may be another of its kind, which is done at once. */
async function isBusy(pattern: string): Promise<boolean> {
  const sql = `select from pg_stat_activity where state = 'active' and wait_event_type in ('Lock', 'Timeout')
    and query like $1 and pid <> pg_backend_pid()`;
  return (await play.client.query(sql, [`%${pattern}%`])).rows.length > 0;
}

const rows = { "1-t.csv": "id,name\n1,a\n2,b\n" };
const written = [{ id: 0, name: "zero" }];

describe("cancelling a run that seeds", () => {
  it.each([
    ["SQL that takes long", { "2-x.sql": "insert into t values (7, 'x');\nselect pg_sleep(61.5);" }, "pg_sleep(61.5)"],
    ["COPY behind a lock", { "2-empty.csv": "id\n1\n" }, "empty"],
    ["INSERT behind a lock", { "2-full.csv": "id\n1\n2\n" }, "insert into"],
  ])("ends %s within 2 s, and keeps what was committed", async (_, files, busy) => {
    await play.client.query('create table empty (id int primary key); create table "full" (id int primary key)');
    await play.client.query('insert into "full" values (1)');
    await play.write({ "1-t.csv": "id,name\n0,zero\n", ...files });
    await using locker = await connect(play.database.address, { applicationName: "locker" });
    await locker.client.query('begin; lock table empty, "full" in share mode');
    const runId = randomUUID();
    const ended = run({ runId }).catch((error: unknown) => error);
    await waitFor("it is under way", async () => isBusy(busy), 10_000);
    const askedMs = performance.now();
    await cancelRun(play.client, { runId, requestedBy: "somebody" });
    expect(await ended).toMatchObject({ code: "run.cancelled", message: expect.stringContaining("somebody") });
    expect(performance.now() - askedMs).toBeLessThan(2000);
    expect(await readRun(play.client, runId)).toMatchObject({ outcome: "failed", error: { code: "run.cancelled" } });
    expect(await play.all("select * from t")).toEqual(written);
  });

  it.each([
    [
      "SQL that takes long",
      { "2-x.sql": "insert into t values (7, 'x');\nselect pg_sleep(61.75);" },
      "pg_sleep(61.75)",
    ],
    ["INSERT behind a lock", { "2-full.csv": "id\n1\n2\n" }, "insert into"],
  ])("a signal ends %s within 2 s, too, and keeps what was committed", async (_, files, busy) => {
    await play.client.query('create table "full" (id int primary key); insert into "full" values (1)');
    await play.write({ "1-t.csv": "id,name\n0,zero\n", ...files });
    await using locker = await connect(play.database.address, { applicationName: "locker" });
    await locker.client.query('begin; lock table "full" in share mode');
    const abort = new AbortController();
    const ended = run({ signal: abort.signal }).catch((error: unknown) => error);
    await waitFor("it is under way", async () => isBusy(busy), 10_000);
    const askedMs = performance.now();
    abort.abort();
    expect(await ended).toMatchObject({ code: "aborted" });
    expect(performance.now() - askedMs).toBeLessThan(2000);
    expect(await play.all("select * from t")).toEqual(written);
  });

  it("is told also when the last statement was not cut off", async () => {
    await play.write({ "1-t.csv": "id,name\n0,zero\n", "2-x.sql": "select pg_advisory_xact_lock(61)" });
    await using locker = await connect(play.database.address, { applicationName: "locker" });
    await locker.client.query("begin; select pg_advisory_xact_lock(61)");
    const abort = new AbortController();
    await using other = await connect(play.database.address, { applicationName: "seeds" });
    const ended = seed(other.client, { seedsDir: play.seedsDir, set: "s", signal: abort.signal });
    const failure = ended.catch((error: unknown) => error);
    await waitFor("it waits", async () => isBusy("pg_advisory_xact_lock(61)"));
    abort.abort();
    await locker.client.query("rollback");
    expect(await failure).toMatchObject({ code: "aborted" });
    expect(await play.all("select * from t")).toEqual(written);
  });
});

const seedModule = (body: string) => `export const seed = { table: "t", columns: ["id", "name"], ${body} };`;

const stuck = {
  "waits for ever": seedModule("async *rows() { yield [1, 'a']; await new Promise(() => {}); }"),
  "waits for ever to clean up": seedModule(
    "async *rows() { try { await new Promise(() => {}); } finally { await new Promise(() => {}); } }",
  ),
  "computes for ever": seedModule("*rows() { yield [1, 'a']; for (;;); }"),
  "waits for ever to be loaded": `await new Promise(() => {}); ${seedModule("*rows() {}")}`,
};

async function failSoonAfter(failing: Promise<unknown>, end: () => Promise<void>): Promise<unknown> {
  const failure = failing.catch((error: unknown) => error);
  await waitFor("the run began", async () => (await play.all("select from postern.runs")).length > 0, 10_000);
  await setTimeout(300);
  const startMs = performance.now();
  await end();
  const error = await failure;
  expect(performance.now() - startMs).toBeLessThan(5000);
  return error;
}

describe.each(Object.entries(stuck))("a seed module that %s", (_, module) => {
  beforeEach(async () => {
    await play.write({ "2-t.mjs": module });
  });

  it("is ended by a signal", async () => {
    const abort = new AbortController();
    expect(await failSoonAfter(run({ signal: abort.signal }), async () => abort.abort())).toMatchObject({
      code: "aborted",
    });
  });

  it("is ended by a cancel", async () => {
    const runId = randomUUID();
    const cancel = async () => {
      await cancelRun(play.client, { runId, requestedBy: "somebody" });
    };
    expect(await failSoonAfter(run({ runId }), cancel)).toMatchObject({ code: "run.cancelled" });
  });

  it("is ended by the deadline", async () => {
    const endMs = performance.now() + 1500;
    const failing = run({ remainingMs: () => endMs - performance.now() });
    expect(await failSoonAfter(failing, async () => undefined)).toMatchObject({ code: "seed.deadline" });
  });
});

describe("a run that seeds", () => {
  it("gives up a lock that it does not get, and lets go of the run lock", async () => {
    await play.write(rows);
    await play.client.query("insert into t values (1, 'a')");
    await using locker = await connect(play.database.address, { applicationName: "locker" });
    await locker.client.query("begin; lock table t in share mode");
    await expect(run({ lockTimeoutMs: 100 })).rejects.toMatchObject({ sqlState: "55P03" });
    await locker.client.query("rollback");
    expect(await run()).toMatchObject({ tables: [{ inserted: 1 }] });
  });

  it("that its deadline cuts off says that running it again goes on", async () => {
    await play.write({ ...rows, "2-x.sql": "select pg_sleep(61.25)" });
    const endMs = performance.now() + 1500;
    const error: unknown = await run({ remainingMs: () => endMs - performance.now() }).catch(
      (failed: unknown) => failed,
    );
    expect(performance.now() - endMs).toBeLessThan(2000);
    expect(error).toMatchObject({ code: "seed.deadline", hint: expect.stringContaining("run seed again") });
    expect(await play.all("select count(*)::int from t")).toEqual([{ count: 2 }]);
  });
});
