import { describe, expect, it } from "vitest";
import { closeGate, openGate, passGate, useMigrateBench, waitAtGate } from "../../support/migrate-bench.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connect } from "#lib/postgres/connect.ts";

const bench = useMigrateBench();

const filler = `-- ${"x".repeat(4 * 1024 * 1024)}\n`;

describe("a run whose lease another has taken", () => {
  it.each([
    ["in one transaction", `insert into effect values ('1');\n${passGate(1)}`],
    ["part by part", `${filler}insert into effect values ('1');\n--> statement-breakpoint\n${passGate(1)}`],
    ["step by step", `${passGate(1)};\ninsert into effect values ('1');\nvacuum effect`],
  ])("cannot commit a migration that is applied %s", async (_, text) => {
    const { folder, run, client, rows } = bench();
    await run({ folder: await folder.write(["create table effect (tag text)"]) });
    await folder.write(["create table effect (tag text)", text]);
    await closeGate(bench(), 1);
    const outcome = run({ lockTimeoutMs: 60_000 });
    await waitAtGate(bench(), 1);
    await client.query("update postern.lease set token = token + 1");
    await openGate(bench(), 1);
    const result = await outcome;
    expect(result).toMatchObject({ status: "failed", applied: [], error: { code: "run.lease-lost" } });
    expect(await rows("select from effect")).toEqual([]);
    expect(await rows("select from drizzle.__drizzle_migrations")).toHaveLength(1);
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(await rows("select tag from effect")).toEqual([{ tag: "1" }]);
  });

  it("begins no statement that a transaction cannot fence", async () => {
    const { folder, run, client, rows } = bench();
    await folder.write(["create table effect (tag text)"]);
    await run();
    await folder.write([
      "create table effect (tag text)",
      `set role none;\n${passGate(1)};\ncreate index concurrently effect_idx on effect (tag)`,
    ]);
    await closeGate(bench(), 1);
    const outcome = run({ lockTimeoutMs: 60_000 });
    await waitAtGate(bench(), 1);
    await client.query("update postern.lease set token = token + 1");
    expect(await outcome).toMatchObject({ status: "failed", error: { code: "run.lease-lost" } });
    expect(await rows("select from pg_class where relname = 'effect_idx'")).toEqual([]);
  });
});

describe("--steal-lock", () => {
  it("ends the run that was seen to hold the lock, and not whoever comes next", async () => {
    const { folder, run, database, stack, rows } = bench();
    await folder.write(["create table a ()", passGate(1)]);
    await closeGate(bench(), 1);
    const robbed = run({ lockTimeoutMs: 60_000 });
    const backend = await waitAtGate(bench(), 1);
    const next = stack.use(await connect(database.address, { applicationName: "next" }));
    const nextHolds = next.client.query("select pg_advisory_lock(1886351476, 1)");
    const queued = "select from pg_locks where locktype = 'advisory' and not granted and classid = 1886351476";
    await waitFor("somebody is next", async () => (await rows(queued)).length === 1);
    const thief = run({ stealLock: true, lockWaitMs: 2500 });
    await expect(thief).rejects.toMatchObject({ code: "lock.held", message: expect.stringContaining('"next"') });
    expect(await robbed).toMatchObject({ status: "failed", applied: ["0000_step"] });
    await nextHolds;
    expect(await rows("select from pg_stat_activity where pid = $1", [backend])).toEqual([]);
    expect((await next.client.query("select 1 as alive")).rows).toEqual([{ alive: 1 }]);
    await next.close();
    await openGate(bench(), 1);
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
  });

  it("lets the one that asked go on where the other was ended", async () => {
    const { folder, start, rows } = bench();
    const texts = ["create table effect (tag text)", `insert into effect values ('1'); ${passGate(1)}`];
    await folder.write(texts);
    await closeGate(bench(), 1);
    const robbed = start("--lock-timeout", "60s", "--run-id", "robbed-run");
    await waitAtGate(bench(), 1);
    const thief = start("--steal-lock", "--run-id", "thief-run");
    const robbedEnd = await robbed.ended;
    expect({ exitCode: robbedEnd.exitCode, ...robbedEnd.result() }).toMatchObject({
      exitCode: 2,
      applied: ["0000_step"],
      error: { code: "run.lease-lost", message: expect.stringMatching(/^Run thief-run, requested by \S+/u) },
    });
    await openGate(bench(), 1);
    const end = await thief.ended;
    expect(end.result()).toMatchObject({ status: "applied", applied: ["0001_step"], stoleFrom: "robbed-run" });
    expect(end.stderr).toContain("ended run robbed-run, which held the lock");
    expect(await rows("select tag from effect")).toEqual([{ tag: "1" }]);
  });
});
