import { describe, expect, it } from "vitest";
import type { MigrateProgress } from "#lib/migrate/migrate.ts";
import { connect } from "#lib/postgres/connect.ts";
import { closeGate, openGate, passGate, useMigrateBench, waitAtGate } from "../../support/migrate-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

const bench = useMigrateBench();

/** Somebody who reads `account` and does not stop. */
async function openReader() {
  const { stack, database } = bench();
  const { client } = stack.use(await connect(database.address, { applicationName: "monthly report" }));
  await client.query("begin");
  await client.query("select 'read on and on' as monthly_rows from account");
  return client;
}

const texts = ["create table account (id int)", "alter table account add column age int"];

async function prepare() {
  const { folder, run } = bench();
  await run({ folder: await folder.write(texts.slice(0, 1)) });
  await folder.write(texts);
}

describe("a migration that does not get its lock", () => {
  it("names on standard error who blocks it, and goes through when that one is done", async () => {
    await prepare();
    const reader = await openReader();
    const { rows } = await reader.query<{ pid: number }>("select pg_backend_pid() as pid");
    await reader.query("select 'read on and on' as monthly_rows from account");
    const child = bench().start("--lock-timeout", "200ms");
    await waitFor(
      "it was tried",
      async () => {
        const sql = "select from postern.runs where ended_at is null and progress ? 'blockedBy'";
        return (await bench().rows(sql)).length > 0;
      },
      20_000,
    );
    await reader.query("commit");
    const { exitCode, stderr, result } = await child.ended;
    expect(result()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`blocked by backend ${rows[0]?.pid} ("monthly report")`);
    expect(stderr).toContain("select … as monthly_rows from account");
    expect(stderr).not.toContain("read on and on");
  });

  it("gives up after the last attempt, keeps nothing, and names who blocked it", async () => {
    await prepare();
    const reader = await openReader();
    const result = await bench().run({ lockTimeoutMs: 300, lockAttempts: 2 });
    expect(result).toMatchObject({
      status: "failed",
      applied: [],
      error: { code: "migrate.blocked", sqlState: "55P03" },
    });
    expect(result.error?.message).toContain("0001_step, statement 1 of 1");
    expect(result.error?.message).toContain('("monthly report")');
    await reader.query("commit");
    expect(await bench().run()).toMatchObject({ status: "applied" });
  });

  it("lets readers that come later pass between its attempts", async () => {
    await prepare();
    const reader = await openReader();
    let blocked = 0;
    const onProgress = ({ step }: MigrateProgress) => void (blocked += step === "blocked" ? 1 : 0);
    const outcome = bench().run({ lockTimeoutMs: 200, onProgress });
    await waitFor("it queues", () => blocked > 0);
    const startMs = performance.now();
    await bench().client.query("select from account");
    expect(performance.now() - startMs).toBeLessThan(2000);
    await reader.query("commit");
    expect(await outcome).toMatchObject({ status: "applied" });
  });

  it("is begun anew when the server ends it in a deadlock, with no effect twice", async () => {
    const { folder, run, stack, database, rows } = bench();
    const tables = "create table a (); create table b (); create table effect (tag text)";
    const crossing = `insert into effect values ('1'); lock table a; ${passGate(1)}; lock table b`;
    await run({ folder: await folder.write([tables]) });
    await folder.write([tables, crossing]);
    await closeGate(bench(), 1);
    const events: MigrateProgress[] = [];
    const outcome = run({ lockTimeoutMs: 20_000, onProgress: (event) => events.push(event) });
    await waitAtGate(bench(), 1);
    const other = stack.use(await connect(database.address, { applicationName: "other" }));
    // Whoever begins to wait first finds the circle first, and is ended for it.
    await other.client.query("set deadlock_timeout = '1min'; begin; lock table b");
    await openGate(bench(), 1);
    const circle = other.client.query("lock table a").then(async () => other.client.query("commit"));
    expect(await outcome).toMatchObject({ status: "applied", applied: ["0001_step"] });
    await circle;
    expect(events).toContainEqual(expect.objectContaining({ step: "blocked", tag: "0001_step", attempt: 1 }));
    expect(await rows("select tag from effect")).toEqual([{ tag: "1" }]);
  });

  it("waits for as long as it takes for old transactions when it builds an index concurrently", async () => {
    await prepare();
    await bench().run();
    await bench().folder.write([...texts, "create index concurrently account_idx on account (id)"]);
    const { stack, database } = bench();
    const writer = stack.use(await connect(database.address, { applicationName: "writer" }));
    await writer.client.query("begin; insert into account values (1)");
    const outcome = bench().run({ lockTimeoutMs: 100, lockAttempts: 1 });
    const waits = "select from pg_stat_progress_create_index where phase like 'waiting%'";
    await waitFor("it waits", async () => (await bench().rows(waits)).length > 0);
    await bench().rows("select pg_sleep(0.5)");
    await writer.client.query("commit");
    expect(await outcome).toMatchObject({ status: "applied" });
  });
});
