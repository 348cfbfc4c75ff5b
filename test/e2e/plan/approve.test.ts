import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { acquireLock } from "#lib/migrate/run/lock.ts";
import { migrate, type MigrateOptions } from "#lib/migrate/migrate.ts";
import { planMigrations } from "#lib/migrate/plan/plan.ts";
import { readProgress } from "#lib/migrate/ledger/progress.ts";
import type { MigrationFolder } from "#lib/migrate/folder/source.ts";
import { systemClock } from "#lib/base/clock.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { makeMigrationFolder, type TestFolder } from "../../support/migration-folder.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { openRun } from "../../support/run-connections.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let files: TestFolder;
let watcher: Connection;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  files = stack.use(await makeMigrationFolder());
  watcher = stack.use(await connect(database.address, { applicationName: "watcher" }));
  await watcher.client.query("create table old (id int); create table older (id int)");
});
afterEach(async () => stack.disposeAsync());

let nextRun = 0;
async function run(folder: MigrationFolder, options: Partial<MigrateOptions> = {}) {
  nextRun += 1;
  const runId = `approve-${nextRun}`;
  const connections = stack.use(await openRun(database.address, runId));
  return await migrate(connections, { requestedBy: "test", isProtected: true, runId, ...options, folder });
}

const hashOf = async (folder: MigrationFolder) => (await planMigrations(watcher.client, folder)).planHash;

async function tables(): Promise<string[]> {
  const { rows } = await watcher.client.query<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'public'::regnamespace order by 1",
  );
  return rows.map(({ name }) => name);
}

const destructive = ["create table new (id int)", "drop table old"];

describe("on a protected database", () => {
  it("a plan that loses data is refused whole, and says what would be lost", async () => {
    const result = await run(await files.write(destructive));
    expect(result).toMatchObject({ status: "refused", applied: [], pending: ["0000_step", "0001_step"] });
    expect(result.error).toMatchObject({
      code: "plan.unapproved",
      message: expect.stringContaining("0001_step line 1: public.old: The table and its rows are gone"),
    });
    expect(await tables()).toEqual(["old", "older"]);
    const recorded = await readProgress(watcher.client, result.runId);
    expect(recorded).toMatchObject({ state: "ended", result: { status: "refused" } });
  });

  it("such a plan runs with the hash of exactly that plan", async () => {
    const folder = await files.write(destructive);
    expect(await run(folder, { approve: await hashOf(folder) })).toMatchObject({ status: "applied" });
    expect(await tables()).toEqual(["new", "older"]);
  });

  it("a plan that loses nothing needs no approval", async () => {
    expect(await run(await files.write(["create table new ()"]))).toMatchObject({ status: "applied" });
  });

  it("a DO block needs one, for it may do anything", async () => {
    const result = await run(await files.write(["do $$ begin execute 'drop table old'; end $$"]));
    expect(result).toMatchObject({ status: "refused", error: { code: "plan.unapproved" } });
  });
});

it("an unprotected database needs no approval", async () => {
  expect(await run(await files.write(destructive), { isProtected: false })).toMatchObject({ status: "applied" });
});

describe.each([true, false])("an approval (protected: %s)", (isProtected) => {
  it("of another text is a mismatch, and nothing changes", async () => {
    const approve = await hashOf(await files.write(destructive));
    const edited = await files.write(["create table new (id int)", "drop table older"]);
    expect(await run(edited, { approve, isProtected })).toMatchObject({
      status: "refused",
      applied: [],
      error: { code: "plan.mismatch" },
    });
    expect(await tables()).toEqual(["old", "older"]);
  });

  it("of another history is one too", async () => {
    const folder = await files.write(destructive);
    const approve = await hashOf(folder);
    await run(await files.write(destructive.slice(0, 1)), { isProtected });
    const result = await run(await files.write(destructive), { approve, isProtected });
    expect(result).toMatchObject({ status: "refused", error: { code: "plan.mismatch" } });
    expect(await tables()).toEqual(["new", "old", "older"]);
  });
});

describe("an approval", () => {
  it("is held against what is found under the lock, not before it", async () => {
    const folder = await files.write(destructive);
    const approve = await hashOf(folder);
    const holder = stack.use(await connect(database.address, { applicationName: "holder" }));
    const lock = await acquireLock(holder.client, "run", { waitMs: 0, clock: systemClock });
    const { promise: waiting, resolve } = Promise.withResolvers<void>();
    const running = run(folder, { approve, onProgress: ({ step }) => (step === "waiting" ? resolve() : undefined) });
    await waiting;
    const [first] = folder.migrations;
    await watcher.client.query("insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)", [
      first?.checksum,
      first?.when,
    ]);
    await lock[Symbol.asyncDispose]();
    expect(await running).toMatchObject({ status: "refused", error: { code: "plan.mismatch" } });
    expect(await tables()).toEqual(["old", "older"]);
  });

  it("of a half-applied migration is for the statements that are left", async () => {
    const folder = await files.write(["create table new (id int);\nvacuum new;\ndrop table old"]);
    const approve = await hashOf(folder);
    // As a run leaves it that got behind the second statement, the text being the same.
    const stop = new AbortController();
    const onProgress: MigrateOptions["onProgress"] = ({ step }) => {
      if (step === "statement-done") stop.abort();
    };
    const cut = await run(folder, { approve, signal: stop.signal, onProgress });
    expect(cut).toMatchObject({ status: "partial", applied: [], planHash: await hashOf(folder) });
    expect(cut.planHash).not.toBe(approve);
    expect(await run(folder, { approve })).toMatchObject({ status: "refused", error: { code: "plan.mismatch" } });
    expect(await tables()).toEqual(["new", "old", "older"]);
    expect(await run(folder, { approve: cut.planHash })).toMatchObject({ status: "applied" });
    expect(await tables()).toEqual(["new", "older"]);
  });

  it("is for its database: another with the same history and the same plan takes it for none", async () => {
    const folder = await files.write(destructive);
    const twin = stack.use(await createTestDatabase());
    const other = stack.use(await connect(twin.address, { applicationName: "twin" }));
    const { planHash: approve } = await planMigrations(other.client, folder);
    expect(await run(folder, { approve })).toMatchObject({ status: "refused", error: { code: "plan.mismatch" } });
    expect(await tables()).toEqual(["old", "older"]);
  });

  it("that was used already finds nothing to do", async () => {
    const folder = await files.write(destructive);
    const approve = await hashOf(folder);
    const [first, second] = await Promise.all([run(folder, { approve }), run(folder, { approve })]);
    expect([first.status, second.status].toSorted()).toEqual(["applied", "up-to-date"]);
  });

  it("covers the rest of a run that stopped between migrations, by the hash which that run gives", async () => {
    const folder = await files.write([...destructive, "drop table older"]);
    const stop = new AbortController();
    const onProgress: MigrateOptions["onProgress"] = ({ step }) => {
      if (step === "applied") stop.abort();
    };
    const partial = await run(folder, { approve: await hashOf(folder), signal: stop.signal, onProgress });
    expect(partial).toMatchObject({ status: "partial", applied: ["0000_step"], planHash: await hashOf(folder) });
    expect(await run(folder, { approve: partial.planHash })).toMatchObject({ status: "applied" });
    expect(await tables()).toEqual(["new"]);
  });

  it("covers the rest of a run whose time was over within a statement, by the hash which that run gives", async () => {
    const slow = "create index concurrently old_slow on old (slow(id));\ndrop table older";
    const folder = await files.write([slow]);
    await watcher.client.query(
      `insert into old values (1);
       create function slow(id int) returns int immutable language plpgsql as 'begin perform pg_sleep(3); return id; end'`,
    );
    const approve = await hashOf(folder);
    const endMs = performance.now() + 1500;
    const cut = await run(folder, { approve, remainingMs: () => endMs - performance.now(), minStartMs: 0 });
    expect(cut).toMatchObject({
      status: "failed",
      error: { code: "migrate.deadline" },
      planHash: await hashOf(folder),
    });
    expect(cut.planHash).not.toBe(approve);
    expect(await run(folder, { approve: cut.planHash })).toMatchObject({ status: "applied" });
    expect(await tables()).toEqual(["old", "old_slow"]);
  });
});
