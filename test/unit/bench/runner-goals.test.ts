import { describe, expect, it } from "vitest";
import { judge } from "../../../bench/runner/goals.ts";

const times = (name: string, applyMs: number[], noOpMs: number[] = []) => ({ name, includes: "", applyMs, noOpMs });
const seeder = (name: string, rate: number) => ({ name, includes: "", startsFilled: false, rowsPerSecond: [rate] });

describe("judge", () => {
  it("judges nothing that was not measured", () => {
    expect(judge({})).toEqual([]);
    expect(judge({ migrations: [times("drizzle", [1])], memory: [], locks: [] })).toEqual([]);
  });

  it("takes the fastest no-op of the peers, and the limit itself for met", () => {
    const migrations = [
      times("postern", [10], [13]),
      times("drizzle", [10], [30]),
      times("graphile-migrate", [1], [10]),
    ];
    expect(judge({ migrations })).toMatchObject([
      { goal: "apply: postern ÷ drizzle", measured: { median: 1 }, isMet: true },
      { goal: "no-op: postern ÷ graphile-migrate (the fastest)", measured: { median: 1.3 }, isMet: true },
    ]);
  });

  it("wants more of what is a speed", () => {
    const rates = [seeder("postern, CSV", 99), seeder("psql \\copy", 100)];
    expect(judge({ seeds: { bytesPerRow: 109, times: rates } })).toMatchObject([
      { measured: { median: 0.99 }, isMet: false },
    ]);
  });

  it("allows a stall of the lock timeout and three times the usual", () => {
    const queue = { name: "postern", baselineP99Ms: 10, p99Ms: 0, reads: 1, migrationMs: 1 };
    expect(judge({ locks: [{ ...queue, worstMs: 1030 }] })).toMatchObject([{ limit: { value: 1030 }, isMet: true }]);
    expect(judge({ locks: [{ ...queue, worstMs: 1031 }] })).toMatchObject([{ isMet: false }]);
  });
});
