import { once } from "node:events";
import { expect, test } from "vitest";
import { limitTime } from "#lib/doctor/time-limit.ts";

test("time in which this process did not run is not counted", async () => {
  const startMs = performance.now();
  using limit = limitTime(300);
  while (performance.now() - startMs < 600);
  await once(limit.signal, "abort");
  expect(performance.now() - startMs).toBeGreaterThan(750);
});

test("what has arrived is read before the time is over", async () => {
  let isAborted: boolean | undefined;
  setTimeout(() => {
    setImmediate(() => {
      isAborted = limit.signal.aborted;
    });
  }, 0);
  using limit = limitTime(20);
  await once(limit.signal, "abort");
  expect(isAborted).toBe(false);
});

test("the time of the whole ends it, too", () => {
  const whole = AbortSignal.abort();
  using limit = limitTime(1000, whole);
  expect(limit.signal.aborted).toBe(true);
});

test("how long this process did not run is told", async () => {
  const startMs = performance.now();
  using limit = limitTime(1000);
  while (performance.now() - startMs < 300);
  expect(limit.missedMs()).toBeGreaterThan(250);
  await once(limit.signal, "abort");
  expect(limit.missedMs()).toBeLessThan(performance.now() - startMs);
});
