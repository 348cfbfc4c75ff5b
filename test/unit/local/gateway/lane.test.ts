import { afterEach, describe, expect, test, vi } from "vitest";
import { createRandom, type LaneFaults } from "#lib/local/gateway/faults.ts";
import { createLane } from "#lib/local/gateway/lane.ts";
import type { Message } from "#lib/ssm-protocol/message.ts";

afterEach(() => vi.useRealTimers());

describe("one direction of a session", () => {
  test("without faults delivers at once", () => {
    const { pass, delivered } = start(undefined);
    pass(3);
    expect(delivered).toEqual([0, 1, 2]);
  });

  test("does with each message what it is told", () => {
    const fates = ["lose", "duplicate", "reorder", "pass", { delayMs: 100 }, "pass"] as const;
    const { pass, delivered, wait } = start({ decide: (_message, index) => fates[index] });
    pass(6);
    expect(delivered).toEqual([1, 1, 3, 2, 5]);
    wait(99);
    expect(delivered).toHaveLength(5);
    wait(1);
    expect(delivered).toEqual([1, 1, 3, 2, 5, 4]);
  });

  test("one that waits for the next one goes alone when none comes", () => {
    const { pass, delivered, wait } = start({ decide: () => "reorder" });
    pass(1);
    expect(delivered).toEqual([]);
    wait(50);
    expect(delivered).toEqual([0]);
  });

  test("latency keeps the order, and is not added up", () => {
    const { pass, delivered, wait } = start({ latencyMs: 20 });
    pass(100);
    wait(19);
    expect(delivered).toEqual([]);
    wait(1);
    expect(delivered).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test("a rate lets so many bytes through in a second", () => {
    const { pass, delivered, wait } = start({ bytesPerSecond: 10_000 });
    pass(50, 1_000);
    wait(1_000);
    expect(delivered).toHaveLength(10);
    wait(4_000);
    expect(delivered).toHaveLength(50);
  });

  test("chance keeps to its shares, and the same seed has the same fates", () => {
    const once = outcome(7);
    const seen = new Set(once);
    expect(seen.size).toBeGreaterThan(7_800);
    expect(seen.size).toBeLessThan(8_200);
    expect(once.length - seen.size).toBeGreaterThan(650);
    expect(outcome(7)).toEqual(once);
    expect(outcome(8)).not.toEqual(once);
  });

  test("what is under way when it is destroyed does not arrive", () => {
    const { pass, delivered, wait, lane } = start({ latencyMs: 20 });
    pass(3);
    lane.destroy();
    wait(100);
    expect(delivered).toEqual([]);
  });
});

test("chance is spread evenly", () => {
  const random = createRandom(1);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 10_000; index += 1) {
    const bin = Math.floor(random() * 10);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(900);
  expect(Math.max(...counts)).toBeLessThan(1_100);
});

function start(faults: LaneFaults | undefined) {
  vi.useFakeTimers();
  const lane = createLane({ faults: () => faults, nowMs: () => Date.now() });
  const delivered: number[] = [];
  let next = 0;
  return {
    lane,
    delivered,
    wait: (ms: number) => vi.advanceTimersByTime(ms),
    pass: (count: number, sizeBytes = 100) => {
      for (let index = 0; index < count; index += 1) {
        const number = next;
        next += 1;
        lane.pass({ sequenceNumber: number } as Message, sizeBytes, () => delivered.push(number));
      }
    },
  };
}

function outcome(seed: number): readonly number[] {
  const { pass, delivered, wait } = start({ lose: 0.2, duplicate: 0.1, reorder: 0.1, seed });
  pass(10_000);
  wait(100);
  return delivered;
}
