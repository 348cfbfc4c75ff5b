import { expect, it } from "vitest";
import { systemClock } from "#lib/base/clock.ts";
import { RunMonitor } from "#lib/migrate/run/monitor.ts";
import type { Connection } from "#lib/postgres/connect.ts";

it("closes a connection that comes after it was given up, and asks nothing of it", async () => {
  const queries: unknown[] = [];
  let isClosed = false;
  const close = async () => {
    isClosed = true;
  };
  const client = { query: async (text: unknown) => void queries.push(text) } as unknown as Connection["client"];
  const late = Promise.withResolvers<Connection>();
  const givenUp = Promise.withResolvers<void>();
  const limits: number[] = [];
  let attempts = 0;
  await using monitor = new RunMonitor({
    runId: "late",
    workPid: 0,
    // The limit for an answer passes at once; what is shorter takes its time.
    clock: { ...systemClock, sleep: async (ms, signal) => systemClock.sleep(ms >= 3000 ? 1 : ms, signal) },
    open: async (_, connectTimeoutMs) => {
      limits.push(connectTimeoutMs);
      attempts += 1;
      if (attempts > 1) throw new Error("no more");
      return await late.promise;
    },
    onUnwatched: () => givenUp.resolve(),
  });
  await givenUp.promise;
  late.resolve({ client, tlsVersion: undefined, close, [Symbol.asyncDispose]: close });
  await expect.poll(() => isClosed).toBe(true);
  await monitor.renewNow();
  expect(queries).toEqual([]);
  expect(limits[0]).toBeLessThan(3000);
});
