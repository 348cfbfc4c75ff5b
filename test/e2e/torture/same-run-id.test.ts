import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openMigrateBench, useMigrateBench } from "../../support/migrate-bench.ts";

const bench = useMigrateBench();
const texts = ["create table effect (tag text)", "insert into effect values ('1'); select pg_sleep(0.3)"];

describe("one run id, used more than once", () => {
  it("gives one application and one outcome, also for the one that comes after the end", async () => {
    const { folder, run, rows } = bench();
    await folder.write(texts);
    const runId = randomUUID();
    const [first, second] = await Promise.all([run({ runId }), run({ runId })]);
    expect(first).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"], runId });
    expect(second).toEqual(first);
    expect(await run({ runId })).toEqual(first);
    expect(await rows("select tag from effect")).toEqual([{ tag: "1" }]);
    expect(await rows("select from postern.runs")).toHaveLength(1);
  });

  it("gives one application and one outcome as processes", async () => {
    const { folder, start, rows } = bench();
    await folder.write(texts);
    const runId = randomUUID();
    const ends = await Promise.all(
      [start("--run-id", runId), start("--run-id", runId)].map(async ({ ended }) => ended),
    );
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(ends[0]?.result()).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"] });
    expect(ends[1]?.result()).toEqual(ends[0]?.result());
    expect(await rows("select tag from effect")).toEqual([{ tag: "1" }]);
  });

  it("gives the failure of a run that failed", async () => {
    const { folder, run } = bench();
    await folder.write(["select 1 / 0"]);
    const runId = randomUUID();
    const [first, second] = await Promise.all([run({ runId }), run({ runId })]);
    expect(first).toMatchObject({ status: "failed", error: { sqlState: "22012" } });
    expect(second).toEqual(first);
  });

  it("tells that the run is lost when its process was killed", async () => {
    const { folder, start, run, rows } = bench();
    await folder.write(["select pg_sleep(63)"]);
    const runId = randomUUID();
    const killed = start("--run-id", runId);
    await expect
      .poll(
        async () => rows("select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"),
        { timeout: 20_000 },
      )
      .toHaveLength(1);
    const attached = run({ runId });
    killed.signal("SIGKILL");
    await expect(attached).rejects.toMatchObject({ code: "run.lost" });
  });
});

describe("two databases of one server", () => {
  it("are migrated at once under one run id, and neither knows of the other", async () => {
    const { folder, run } = bench();
    const other = await openOther();
    await folder.write(texts);
    await other.folder.write(texts);
    const runId = randomUUID();
    const results = await Promise.all([run({ runId, lockWaitMs: 0 }), other.run({ runId, lockWaitMs: 0 })]);
    expect(results.map(({ status }) => status)).toEqual(["applied", "applied"]);
    const tokens = await Promise.all(
      [bench(), other].map(async ({ rows }) => rows("select token::int, run_id from postern.lease")),
    );
    expect(tokens).toEqual([[{ token: 1, run_id: runId }], [{ token: 1, run_id: runId }]]);
  });
});

async function openOther() {
  return bench().stack.use(await openMigrateBench());
}
