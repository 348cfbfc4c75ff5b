import { describe, expect, test } from "vitest";
import { readRun } from "#lib/migrate/ledger/ledger.ts";
import { runCommand } from "../../support/command-line.ts";
import { usePushBench } from "../../support/push-bench.ts";

const bench = usePushBench();
const table = (columns = "") => `export const t = pg.pgTable("t", { id: pg.integer("id")${columns} });`;
const added = table(', note: pg.text("note")');
const columnsOf = "select attname from pg_attribute where attrelid = 't'::regclass and attnum > 0";

describe("a push whose table is locked", () => {
  test("queues briefly and often, names who blocks, and keeps nothing", async () => {
    await bench.push(table());
    const reader = await bench.connect("reader");
    await reader.query("begin; select from t");
    const attempts: number[] = [];
    const runId = "push-that-is-blocked";
    const result = await bench.push(added, {
      runId,
      lockTimeoutMs: 200,
      lockAttempts: 2,
      onBlocked: ({ attempt }) => attempts.push(attempt),
    });
    expect(result).toMatchObject({
      status: "failed",
      error: { code: "push.blocked", sqlState: "55P03" },
      statements: [{ sql: expect.stringContaining("ADD COLUMN"), executed: false }],
    });
    expect(result.error?.message).toMatch(/ADD COLUMN "note" text: it did not get its lock in 2 tries.*"reader"/u);
    expect(attempts).toEqual([1]);
    expect(await bench.query(columnsOf)).toHaveLength(1);
    expect(await readRun(reader, runId)).toMatchObject({ outcome: "failed", error: { code: "push.blocked" } });
  });

  test("goes on when the lock is free, as if nothing had been", async () => {
    await bench.push(table());
    const reader = await bench.connect("reader");
    await reader.query("begin; select from t");
    const result = await bench.push(added, { lockTimeoutMs: 100, onBlocked: () => void reader.query("commit") });
    expect(result).toMatchObject({ status: "pushed", statements: [{ executed: true }], reemitted: [] });
    expect(await bench.query(columnsOf)).toHaveLength(2);
  });

  test("is asked about again when drizzle-kit's own look at the rows had to wait", async () => {
    await bench.push(table());
    await bench.query("insert into t values (1)");
    const locker = await bench.connect("locker");
    await locker.query("begin; lock table t");
    const unique = table(".unique()");
    const result = await bench.push(unique, { lockTimeoutMs: 100, onBlocked: () => void locker.query("commit") });
    expect(result).toMatchObject({ status: "pushed" });
  });

  test("names who keeps it from reading the schema", async () => {
    const keyed = table(".generatedAlwaysAsIdentity().primaryKey()");
    await bench.push(keyed);
    await bench.query("insert into t default values");
    const locker = await bench.connect("locker");
    await locker.query("begin; lock table t");
    const result = await bench.push(keyed, { lockAttempts: 1 });
    expect(result).toMatchObject({ status: "failed", error: { code: "push.blocked" } });
    expect(result.error?.message).toContain('"locker"');
  });

  test("makes readers wait a second and not longer, unless it is told another time", async () => {
    await bench.push(table());
    const reader = await bench.connect("reader");
    await reader.query("begin; select from t");
    await bench.folder.write(added);
    const args = ["push", "--dir", bench.folder.dir, "--json"];
    const env = { POSTERN_URL: bench.database.url() };
    const pushing = runCommand(args, { env });
    const other = await bench.connect("other reader");
    let longestMs = 0;
    const over = new AbortController();
    const reading = (async () => {
      while (!over.signal.aborted) {
        const startMs = performance.now();
        await other.query("select from t");
        longestMs = Math.max(longestMs, performance.now() - startMs);
        if (longestMs > 300) await reader.query("commit");
      }
    })();
    const result = await pushing;
    over.abort();
    await reading;
    expect(result.exitCode).toBe(0);
    expect(longestMs).toBeGreaterThan(300);
    expect(longestMs).toBeLessThan(2000);
  });

  test("has no --lock-timeout of 0, which would wait for ever", async () => {
    const env = { POSTERN_URL: bench.database.url() };
    await bench.folder.write(table());
    const refused = await runCommand(["push", "--dir", bench.folder.dir, "--lock-timeout", "0s"], { env });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("at least 1ms");
  });
});
