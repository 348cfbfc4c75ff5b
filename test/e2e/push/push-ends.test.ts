import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { requestCancel } from "#lib/migrate/ledger/ledger.ts";
import { startCommand } from "../../support/command-line.ts";
import { usePushBench } from "../../support/push-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

const bench = usePushBench();
const table = (columns = "") => `export const t = pg.pgTable("t", { id: pg.integer("id")${columns} });`;
/** Adding this column takes as long as the function sleeps, and what a function does counts as a loss. */
const slow = table(', at: pg.text("at").default(sql`slow()`)');

async function prepare(): Promise<void> {
  await bench.push(table());
  await bench.query(`insert into t values (1);
    create function slow() returns text volatile language sql as 'select pg_sleep(25.5)::text'`);
}

async function isBusy(): Promise<boolean> {
  const sql = "select from pg_stat_activity where state = 'active' and query ilike 'alter table%add column%'";
  return (await bench.query(sql)).length > 0;
}

const columns = async () => await bench.query("select from pg_attribute where attrelid = 't'::regclass and attnum > 0");

describe("a push", () => {
  test("is ended within its statement when the runner's time is over, and says so", async () => {
    await prepare();
    // From when it begins.
    let endMs: number | undefined;
    const remainingMs = () => (endMs ??= performance.now() + 3000) - performance.now();
    const result = await bench.push(slow, { acceptDataLoss: true, remainingMs });
    expect(remainingMs()).toBeLessThan(0);
    expect(remainingMs()).toBeGreaterThan(-2000);
    expect(result).toMatchObject({
      status: "failed",
      error: { code: "push.deadline" },
      statements: [{ executed: false }],
    });
    expect(await columns()).toHaveLength(1);
  });

  test("tells its own limit for a statement from the runner's time", async () => {
    await prepare();
    const result = await bench.push(slow, { acceptDataLoss: true, statementTimeoutMs: 300, remainingMs: () => 60_000 });
    expect(result).toMatchObject({ status: "failed", error: { code: "push.failed", sqlState: "57014" } });
  });

  test("is ended within its statement when it is called off", async () => {
    await prepare();
    const abort = new AbortController();
    const failure = bench.push(slow, { acceptDataLoss: true, signal: abort.signal }).catch((error: unknown) => error);
    await waitFor("it is under way", isBusy, 20_000);
    const startMs = performance.now();
    abort.abort();
    expect(await failure).toMatchObject({ code: "aborted", exitCode: 130 });
    expect(performance.now() - startMs).toBeLessThan(2000);
    expect(await isBusy()).toBe(false);
    expect(await columns()).toHaveLength(1);
  });

  test("is ended while drizzle-kit looks at the database, when it is cancelled", async () => {
    await prepare();
    const locker = await bench.connect("locker");
    await locker.query("begin; lock table t");
    const runId = "push-cancelled-while-looking";
    const pushing = bench.push(table(".unique()"), { runId, lockTimeoutMs: 60_000 });
    const failure = pushing.catch((error: unknown) => error);
    const waits = "select from pg_stat_activity where wait_event_type = 'Lock' and query like 'select count%'";
    await waitFor("it waits", async () => (await bench.query(waits)).length > 0, 20_000);
    const startMs = performance.now();
    await requestCancel(await bench.connect("canceller"), runId, "somebody");
    expect(await failure).toMatchObject({ code: "run.cancelled", hint: "Nothing was changed." });
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  test("right here ends with Ctrl-C: exit code 130, the statement gone, nothing changed", async () => {
    await prepare();
    await bench.folder.write(slow);
    const env = { POSTERN_URL: bench.database.url() };
    const child = startCommand(["push", "--dir", bench.folder.dir, "--accept-data-loss", "--json"], { env });
    const [closed, stdout] = [once(child, "close"), text(child.stdout)];
    try {
      await waitFor("it is under way", isBusy, 20_000);
    } finally {
      child.kill("SIGINT");
    }
    const startMs = performance.now();
    expect(await closed).toMatchObject([130, null]);
    expect(performance.now() - startMs).toBeLessThan(5000);
    expect(JSON.parse(await stdout)).toMatchObject({ error: { code: "aborted" } });
    await waitFor("the statement is gone", async () => !(await isBusy()), 2000);
    expect(await columns()).toHaveLength(1);
  });
});
