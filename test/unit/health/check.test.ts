import { expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import type { Queryable } from "#lib/migrate/ledger/ledger.ts";
import { checkHealth, type HealthSource } from "#lib/health/check.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

const about = { service: "postern", stage: "dev" };

function source(lend: HealthSource["lend"]): HealthSource {
  return { connection: "direct", lend, readPool: () => ({ total: 1, idle: 0, waiting: 0 }) };
}

test("a database that refuses is down, with the code and nothing of the message", async () => {
  const refused = source(() => Promise.reject(new PosternError("tcp.refused", "db.internal as postern_health")));
  const report = await checkHealth({ ...about, source: refused });
  expect(report).toStrictEqual({
    status: "down",
    ...about,
    time: expect.any(String),
    database: { ok: false, reason: "tcp.refused", connection: "direct", pool: { total: 1, idle: 0, waiting: 0 } },
    migrations: null,
  });
});

test("a database that hangs is down at the deadline, and the connection is told", async () => {
  const clock = createDrivenClock();
  let told = false;
  const hanging = source(async (_, signal) => {
    signal.addEventListener("abort", () => {
      told = true;
    });
    return await new Promise(() => {});
  });
  const report = await checkHealth({ ...about, source: hanging, clock });
  expect(report).toMatchObject({ status: "down", database: { reason: "db.timeout" } });
  expect(clock.nowMs()).toBe(2500);
  expect(told).toBe(true);
});

test("an unforeseen failure is down too, as internal", async () => {
  const broken = source(() => Promise.reject(new TypeError("at secret.ts:1")));
  const report = await checkHealth({ ...about, source: broken });
  expect(report).toMatchObject({ status: "down", database: { reason: "internal" } });
  expect(JSON.stringify(report)).not.toContain("secret");
});

test("an abort by the caller is no finding", async () => {
  const signal = AbortSignal.abort();
  const hanging = source(async () => await new Promise(() => {}));
  await expect(checkHealth({ ...about, source: hanging, signal, clock: createDrivenClock() })).rejects.toMatchObject({
    name: "AbortError",
  });
});

test("a file in the bundle that is no migration says nothing of the database", async () => {
  const client = { query: async () => ({ rows: [], rowCount: 0 }) } as unknown as Queryable;
  const empty = source(async (use) => use({ client, tlsVersion: undefined }));
  const report = await checkHealth({ ...about, source: empty, folder: { migrations: [], unlisted: ["lost.sql"] } });
  expect(report).toMatchObject({ status: "ok", migrations: { applied: 0, pending: 0 } });
});
