import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { isToPrune } from "#lib/migrate/ledger/prune.ts";
import { useMigrateBench } from "../../support/migrate-bench.ts";

const bench = useMigrateBench();

function idThat(prunes: boolean): string {
  for (;;) {
    const id = randomUUID();
    if (isToPrune(id) === prunes) return id;
  }
}

beforeEach(async () => {
  await bench().folder.write(["create table a ()"]);
  await bench().run({ runId: idThat(false) });
});

/** Runs that found nothing to do, the youngest so many days ago, each a minute younger than the one before. */
async function fill(count: number, daysAgo: number): Promise<void> {
  await bench().client.query(
    `insert into postern.runs (run_id, action, requested_by, started_at, ended_at, outcome)
     select 'plain-' || n, 'migrate', 'test', at, at, 'up-to-date' from generate_series(1, $1::int) n,
       lateral (select now() - make_interval(days => $2, mins => $1::int - n) as at) times`,
    [count, daysAgo],
  );
}

async function plain(): Promise<number> {
  const [row] = await bench().rows("select count(*)::int as n from postern.runs where run_id like 'plain-%'");
  return Number(row?.["n"]);
}

describe("the ledger", () => {
  it("keeps the newest thousand runs, and every one that explains what is", async () => {
    await fill(1200, 8);
    await bench().client.query(
      `insert into postern.runs (run_id, action, requested_by, started_at, ended_at, outcome) values
         ('old-applied', 'migrate', 'test', '2020-01-01', '2020-01-01', 'failed'),
         ('deploy-seed-old', 'seed', 'deploy', '2020-01-01', '2020-01-01', 'failed'),
         ('deploy-seed-old-2', 'seed', 'deploy', '2020-01-02', '2020-01-02', 'seeded'),
         ('old-baseline', 'baseline', 'test', '2020-01-01', '2020-01-01', 'applied'),
         ('old-failed', 'migrate', 'test', '2020-01-01', '2020-01-01', 'failed'),
         ('old-half', 'migrate', 'test', '2020-01-01', '2020-01-01', 'failed'),
         ('old-running', 'migrate', 'test', '2020-01-01', null, null);
       insert into postern.run_migrations (run_id, tag, checksum, started_at, outcome) values
         ('old-applied', 'a', 'a', '2020-01-01', 'applied'), ('old-applied', 'b', 'b', '2020-01-01', 'failed'),
         ('old-failed', 'b', 'b', '2020-01-01', 'failed');
       insert into postern.migration_steps (tag, step, checksum, state, run_id) values ('0001_gone', 1, 's', 'done', 'old-half')`,
    );
    await bench().run({ runId: idThat(true), allow: ["history.half-applied"] });
    // The run of beforeEach and the one that removes are among the thousand.
    expect(await plain()).toBe(998);
    const left = await bench().rows("select run_id from postern.runs where run_id ~ '^(old|deploy)-' order by 1");
    const kept = ["deploy-seed-old", "deploy-seed-old-2", "old-applied", "old-baseline", "old-half", "old-running"];
    expect(left.map((row) => row["run_id"])).toEqual(kept);
    expect(await bench().rows("select from postern.run_migrations where run_id = 'old-applied'")).toHaveLength(2);
    expect(await bench().rows("select from postern.runs where run_id = 'plain-1200'")).toHaveLength(1);
  });

  it("is made smaller by a run that applies something, too, and only by one in sixteen", async () => {
    await fill(1100, 8);
    await bench().folder.write(["create table a ()", "create table b ()"]);
    expect(await bench().run({ runId: idThat(false) })).toMatchObject({ status: "applied" });
    expect(await plain()).toBe(1100);
    await bench().folder.write(["create table a ()", "create table b ()", "create table c ()"]);
    expect(await bench().run({ runId: idThat(true) })).toMatchObject({ status: "applied" });
    expect(await plain()).toBe(997);
  });

  it("keeps what is younger than a week, and all where there are few", async () => {
    await fill(1200, 1);
    await bench().run({ runId: idThat(true) });
    expect(await plain()).toBe(1200);
    await bench().client.query("delete from postern.runs where run_id like 'plain-%'");
    await fill(500, 30);
    await bench().run({ runId: idThat(true) });
    expect(await plain()).toBe(500);
  });

  it("that may not be made smaller stops no run", async () => {
    await fill(1200, 8);
    await bench().client.query(
      `create function postern.refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end';
       create trigger refuse before delete on postern.runs for each row execute function postern.refuse()`,
    );
    expect(await bench().run({ runId: idThat(true) })).toMatchObject({ status: "up-to-date" });
    expect(await plain()).toBe(1200);
  });
});
