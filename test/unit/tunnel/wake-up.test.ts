import { expect, test } from "vitest";
import { sleptMs, watchForWaking } from "#lib/tunnel/wake-up.ts";
import { createSteppedClock } from "../../support/stepped-clock.ts";

const from = { monotonicMs: 5_000, wallMs: 1_000_000 };
const after = (monotonic: number, wall: number) =>
  sleptMs(from, { monotonicMs: from.monotonicMs + monotonic, wallMs: from.wallMs + wall });

test.each([
  ["a look in time", 1_000, 1_000, 0],
  ["an event loop that was busy for five seconds", 5_999, 5_999, 0],
  ["sleep where the monotonic clock stands still (Linux)", 1_000, 61_000, 60_000],
  ["sleep where it goes on (macOS)", 61_000, 61_000, 60_000],
  ["the shortest of those", 6_000, 6_000, 5_000],
  ["a wall clock that is set back", 1_000, -3_600_000, 0],
  ["sleep while the wall clock was set back", 61_000, -3_600_000, 60_000],
  ["the shortest sleep that counts", 1_000, 3_500, 2_500],
])("%s", (_, monotonic, wall, slept) => {
  expect(after(monotonic, wall)).toBe(slept);
});

test("waking is told within a second, once, and nothing is left when the watch is over", async () => {
  const clock = createSteppedClock();
  const stop = new AbortController();
  const woke: number[] = [];
  const watching = watchForWaking(clock, (ms) => woke.push(ms), stop.signal);
  await clock.advance(10_400);
  expect(woke).toEqual([]);
  clock.suspend(3_600_000);
  await clock.advance(1_000);
  expect(woke).toEqual([3_600_000]);
  await clock.advance(10_000);
  expect(woke).toEqual([3_600_000]);
  stop.abort();
  await watching;
  expect(clock.sleeping).toBe(0);
});
