import { describe, expect, it } from "vitest";
import { acquireLock } from "#lib/migrate/run/lock.ts";
import { connect } from "#lib/postgres/connect.ts";
import { useMigrateBench } from "../../support/migrate-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

const bench = useMigrateBench();

/** Time that runs out after so many milliseconds. */
function countdown(ms: number): () => number {
  const endMs = performance.now() + ms;
  return () => endMs - performance.now();
}

describe("a run whose time is limited", () => {
  it("begins no migration for which too little is left, and the next run goes on", async () => {
    const { folder, run, rows } = bench();
    await folder.write(["create table effect (tag text)", "insert into effect values ('1')"]);
    let left = 30_000;
    const onProgress = () => {
      left = 19_999;
    };
    const result = await run({ remainingMs: () => left, onProgress });
    expect(result).toMatchObject({ status: "partial", applied: ["0000_step"], pending: ["0001_step"] });
    expect(result.error).toBeUndefined();
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(await rows("select tag from effect")).toEqual([{ tag: "1" }]);
  });

  it("fails with migrate.deadline when one migration alone takes longer, and keeps nothing of it", async () => {
    const { folder, run, rows } = bench();
    await folder.write(["create table half (); select pg_sleep(30)"]);
    const startMs = performance.now();
    const result = await run({ remainingMs: countdown(1500), minStartMs: 0 });
    expect(performance.now() - startMs).toBeLessThan(6000);
    expect(result).toMatchObject({ status: "failed", applied: [], error: { code: "migrate.deadline" } });
    expect(result.error?.message).toMatch(
      /^0000_step did not end within the [12] s that the runner had: it worked for all/u,
    );
    expect(await rows("select from pg_tables where tablename = 'half'")).toEqual([]);
  });

  it("is partial when most of the time went into waiting for another run, and says so", async () => {
    const { folder, run, database, stack } = bench();
    await folder.write(["select pg_sleep(3)"]);
    const holder = stack.use(await connect(database.address, { applicationName: "holder" }));
    const lock = await acquireLock(holder.client, "run", { waitMs: 0 });
    const remainingMs = countdown(3000);
    const outcome = run({ remainingMs, minStartMs: 0 });
    await waitFor("it has waited", () => remainingMs() < 1000);
    await lock[Symbol.asyncDispose]();
    const result = await outcome;
    expect(result).toMatchObject({ status: "partial", applied: [], pending: ["0000_step"] });
    expect(result.cutOff).toMatch(/: [23] s went into waiting for another run/u);
    expect(await run()).toMatchObject({ status: "applied" });
  });

  it("is partial when most of it went into waiting for somebody's transaction, and names who", async () => {
    const { folder, run, database, stack } = bench();
    await folder.write(["create table a (id int)"]);
    await run();
    await folder.write(["create table a (id int)", "create index concurrently a_idx on a (id)"]);
    const writer = stack.use(await connect(database.address, { applicationName: "slow report" }));
    await writer.client.query("begin; insert into a values (1)");
    const result = await run({ remainingMs: countdown(3000), minStartMs: 0 });
    expect(result).toMatchObject({ status: "partial", applied: [], pending: ["0001_step"] });
    expect(result.cutOff).toContain("slow report");
    await writer.client.query("commit");
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
  });

  it.each([
    ["in one transaction", "alter table a add column b int"],
    ["statement by statement", "alter table a add column b int;\nvacuum a"],
  ])("is partial when no time is left to try for a lock once more, and names who had it (%s)", async (_, text) => {
    const { folder, run, database, stack } = bench();
    await run({ folder: await folder.write(["create table a (id int)"]) });
    await folder.write(["create table a (id int)", text]);
    const reader = stack.use(await connect(database.address, { applicationName: "slow report" }));
    await reader.client.query("begin; select from a");
    const result = await run({ remainingMs: countdown(3000), minStartMs: 0, lockTimeoutMs: 500 });
    expect(result).toMatchObject({ status: "partial", applied: [], pending: ["0001_step"] });
    expect(result.error).toBeUndefined();
    expect(result.cutOff).toContain("slow report");
    await reader.client.query("commit");
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
  });

  it("is blocked when its tries are used up before its time", async () => {
    const { folder, run, database, stack } = bench();
    await run({ folder: await folder.write(["create table a (id int)"]) });
    await folder.write(["create table a (id int)", "alter table a add column b int"]);
    const reader = stack.use(await connect(database.address, { applicationName: "slow report" }));
    await reader.client.query("begin; select from a");
    const limits = { lockTimeoutMs: 100, lockAttempts: 2, remainingMs: countdown(60_000), minStartMs: 0 };
    expect(await run(limits)).toMatchObject({ status: "failed", error: { code: "migrate.blocked" } });
  });

  it("is partial when time runs out behind others, and the one that was cut is applied whole by the next", async () => {
    const { folder, run, rows } = bench();
    const cut = "insert into effect values ('1'); select pg_sleep(2); insert into effect values ('2')";
    await folder.write(["create table effect (tag text)", cut]);
    const result = await run({ remainingMs: countdown(1500), minStartMs: 0 });
    expect(result).toMatchObject({ status: "partial", applied: ["0000_step"], pending: ["0001_step"] });
    expect(await rows("select from effect")).toEqual([]);
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(await rows("select tag from effect order by tag")).toEqual([{ tag: "1" }, { tag: "2" }]);
  });

  it("is partial when time runs out between steps, and the next run goes on at the one that was cut", async () => {
    const { folder, run, rows } = bench();
    const steps =
      "insert into effect values ('1');\nselect pg_sleep(2);\nvacuum effect;\ninsert into effect values ('2')";
    await folder.write(["create table effect (tag text)", steps]);
    const result = await run({ remainingMs: countdown(1500), minStartMs: 0 });
    expect(result).toMatchObject({ status: "partial", pending: ["0001_step"] });
    expect(await rows("select tag from effect")).toEqual([{ tag: "1" }]);
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(await rows("select tag from effect order by tag")).toEqual([{ tag: "1" }, { tag: "2" }]);
  });
});

describe("a migration that sets statement_timeout itself", () => {
  it.each([
    ["in one transaction", "set statement_timeout = 100;\nselect pg_sleep(20)", "statement 2 of 2"],
    ["step by step", "set statement_timeout = 100;\nselect pg_sleep(20);\nvacuum", "statement 2 of 3"],
  ])("fails with migrate.failed, its name and its statement (%s)", async (_, text, where) => {
    const { folder, run } = bench();
    await folder.write(["create table a ()", text]);
    const result = await run({ remainingMs: () => 60_000 });
    expect(result).toMatchObject({ status: "failed", applied: ["0000_step"] });
    expect(result.error).toMatchObject({ code: "migrate.failed", sqlState: "57014" });
    expect(result.error?.message).toContain(`0001_step, ${where}`);
  });
});
