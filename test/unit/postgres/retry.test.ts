import { describe, expect, test } from "vitest";
import type { Clock } from "#lib/base/clock.ts";
import { retry } from "#lib/postgres/retry.ts";

/** A clock whose sleeps end at once and are written down. */
function recordingClock(): { clock: Clock; sleeps: number[] } {
  const sleeps: number[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    wallTime: () => new Date(0),
    sleep: (ms, signal) => {
      sleeps.push(ms);
      signal?.throwIfAborted();
      return Promise.resolve();
    },
  };
  return { clock, sleeps };
}

const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

function failing(times: number, error: unknown = refused): { attempt: () => Promise<string>; count: () => number } {
  let count = 0;
  const attempt = (): Promise<string> => {
    count += 1;
    return count <= times ? Promise.reject(error) : Promise.resolve("done");
  };
  return { attempt, count: () => count };
}

describe("retry", () => {
  test("what may pass is tried again until it does", async () => {
    const { clock, sleeps } = recordingClock();
    const { attempt, count } = failing(2);
    await expect(retry(attempt, {}, { clock })).resolves.toBe("done");
    expect(count()).toBe(3);
    expect(sleeps).toHaveLength(2);
  });

  test("after the last attempt its error comes out as it was", async () => {
    const { clock } = recordingClock();
    const { attempt, count } = failing(9);
    await expect(retry(attempt, { maxAttempts: 3 }, { clock })).rejects.toBe(refused);
    expect(count()).toBe(3);
  });

  test("what the table does not list is not repeated", async () => {
    const { clock, sleeps } = recordingClock();
    const wrongPassword = Object.assign(new Error("no"), { code: "28P01", severity: "FATAL" });
    const { attempt, count } = failing(9, wrongPassword);
    await expect(retry(attempt, {}, { clock })).rejects.toBe(wrongPassword);
    expect(count()).toBe(1);
    expect(sleeps).toEqual([]);
  });

  test("false means one attempt", async () => {
    const { clock } = recordingClock();
    const { attempt, count } = failing(9);
    await expect(retry(attempt, false, { clock })).rejects.toBe(refused);
    expect(count()).toBe(1);
  });

  test("the waits grow, differ between runs, and stay below the limit", async () => {
    const runs = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { clock, sleeps } = recordingClock();
        await retry(failing(12).attempt, { maxAttempts: 13, initialDelayMs: 100, maxDelayMs: 2000 }, { clock });
        return sleeps;
      }),
    );
    const mean = (index: number) => runs.reduce((sum, sleeps) => sum + (sleeps[index] ?? 0), 0) / runs.length;
    expect(mean(4)).toBeGreaterThan(mean(0) * 2);
    expect(new Set(runs.map((sleeps) => sleeps[0])).size).toBeGreaterThan(10);
    expect(Math.max(...runs.flat())).toBeLessThanOrEqual(2000);
  });

  test("an abort during the wait ends it with the signal's reason", async () => {
    const { clock } = recordingClock();
    const stop = new AbortController();
    const attempt = () => {
      stop.abort(new Error("enough"));
      return Promise.reject(refused);
    };
    await expect(retry(attempt, {}, { clock, signal: stop.signal })).rejects.toThrow("enough");
  });
});
