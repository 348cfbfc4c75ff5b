import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { cancelRun } from "#lib/migrate/ledger/progress.ts";
import { connect } from "#lib/postgres/connect.ts";
import { runCommand } from "../../support/command-line.ts";
import { closeGate, openGate, passGate, useMigrateBench, waitAtGate } from "../../support/migrate-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

const bench = useMigrateBench();
const requestedBy = "somebody";

async function isBusy(pattern: string): Promise<boolean> {
  const sql = "select from pg_stat_activity where state = 'active' and query like $1 and pid <> pg_backend_pid()";
  return (await bench().rows(sql, [`%${pattern}%`])).length > 0;
}

describe("cancelling a run", () => {
  it("with the command line ends its statement within seconds, keeps nothing of it, and the next run works", async () => {
    const { folder, database, start, run } = bench();
    const runId = randomUUID();
    await folder.write(["create table a ()", "create table b (); select pg_sleep(61.25)"]);
    const cancelled = start("--run-id", runId);
    await waitFor("it sleeps", async () => isBusy("pg_sleep(61.25)"), 20_000);
    const answer = await runCommand(["migrate", "--cancel", runId, "--url", database.url(), "--json"]);
    const askedMs = performance.now();
    expect(answer).toMatchObject({ exitCode: 0 });
    await waitFor("its statement is gone", async () => !(await isBusy("pg_sleep(61.25)")));
    expect(performance.now() - askedMs).toBeLessThan(2000);
    const { exitCode, result } = await cancelled.ended;
    expect(exitCode).toBe(1);
    expect(result()).toMatchObject({
      status: "partial",
      applied: ["0000_step"],
      pending: ["0001_step"],
      error: { code: "run.cancelled" },
    });
    await folder.write(["create table a ()", "create table b ()"]);
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
  });

  it("ends a statement that waits for a lock", async () => {
    const { folder, run, client, database, stack } = bench();
    const reader = stack.use(await connect(database.address, { applicationName: "reader" }));
    await folder.write(["create table a ()"]);
    await run();
    await reader.client.query("begin; select from a");
    await folder.write(["create table a ()", "alter table a add column waits int"]);
    const runId = randomUUID();
    const outcome = run({ runId, lockTimeoutMs: 60_000 });
    await waitFor("it waits", async () => isBusy("add column waits"));
    await cancelRun(client, { runId, requestedBy });
    expect(await outcome).toMatchObject({ status: "partial", error: { code: "run.cancelled" } });
  });

  it("ends one that pauses because it did not get its lock", async () => {
    const { folder, run, client, database, stack } = bench();
    const reader = stack.use(await connect(database.address, { applicationName: "reader" }));
    await folder.write(["create table a ()"]);
    await run();
    await reader.client.query("begin; select from a");
    await folder.write(["create table a ()", "alter table a add column waits int"]);
    const runId = randomUUID();
    let blocked = 0;
    const onProgress = ({ step }: { step: string }) => {
      if (step === "blocked") blocked += 1;
    };
    const outcome = run({ runId, lockTimeoutMs: 20, lockAttempts: 1000, onProgress });
    await waitFor("it pauses", () => blocked > 2);
    await cancelRun(client, { runId, requestedBy });
    expect(await outcome).toMatchObject({ status: "partial", error: { code: "run.cancelled" } });
  });

  it("ends it between migrations", async () => {
    const { folder, run, client } = bench();
    const texts = Array.from({ length: 500 }, () => "select pg_sleep(0.02)");
    await folder.write(texts);
    const runId = randomUUID();
    let applied = 0;
    const onProgress = ({ step }: { step: string }) => {
      if (step === "applied") applied += 1;
    };
    const outcome = run({ runId, onProgress });
    await waitFor("one is applied", () => applied > 0);
    await cancelRun(client, { runId, requestedBy });
    const result = await outcome;
    expect(result).toMatchObject({ status: "partial", error: { code: "run.cancelled" } });
    expect(result.applied.length).toBeLessThan(500);
    expect(result.pending).toHaveLength(500 - result.applied.length);
    expect(await bench().rows("select from drizzle.__drizzle_migrations")).toHaveLength(result.applied.length);
  });

  it("ends a build of an index, and what it left is built anew by the next run", async () => {
    const { folder, run, client, database, stack } = bench();
    const writer = stack.use(await connect(database.address, { applicationName: "writer" }));
    const texts = ["create table a (id int)", "create index concurrently a_idx on a (id)"];
    await run({ folder: await folder.write(texts.slice(0, 1)) });
    await writer.client.query("begin; insert into a values (1)");
    const runId = randomUUID();
    const outcome = run({ runId, folder: await folder.write(texts), lockTimeoutMs: 300 });
    await waitFor("it builds", async () => isBusy("create index concurrently a_idx"));
    await cancelRun(client, { runId, requestedBy });
    expect(await outcome).toMatchObject({ status: "partial", error: { code: "run.cancelled" } });
    await writer.client.query("commit");
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    const valid = await bench().rows("select indisvalid from pg_index where indexrelid = 'a_idx'::regclass");
    expect(valid).toEqual([{ indisvalid: true }]);
  });

  it("ends it while it waits for another run, which goes on", async () => {
    const { folder, run, client } = bench();
    await folder.write([passGate(1)]);
    await closeGate(bench(), 1);
    const first = run({ lockTimeoutMs: 60_000 });
    await waitAtGate(bench(), 1);
    const runId = randomUUID();
    let isWaiting = false;
    const onProgress = ({ step }: { step: string }) => {
      isWaiting ||= step === "waiting";
    };
    const waiting = run({ runId, onProgress });
    await waitFor("the second waits", () => isWaiting);
    const askedMs = performance.now();
    await cancelRun(client, { runId, requestedBy });
    await expect(waiting).rejects.toMatchObject({ code: "run.cancelled" });
    expect(performance.now() - askedMs).toBeLessThan(4000);
    await openGate(bench(), 1);
    expect(await first).toMatchObject({ status: "applied" });
  });

  it("leaves one that has ended as it is", async () => {
    const { folder, run, client } = bench();
    await folder.write(["create table a ()"]);
    const runId = randomUUID();
    const result = await run({ runId });
    const ended = { runId, state: "ended", action: "migrate", result };
    expect(await cancelRun(client, { runId, requestedBy })).toEqual(ended);
    expect(await run({ runId })).toEqual(result);
  });
});
