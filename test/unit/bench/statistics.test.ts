import { describe, expect, it } from "vitest";
import { measureInRounds, quantile, ratioOf, spreadOf } from "../../../bench/figures/statistics.ts";

describe("the statistics of the comparison", () => {
  it("gives the middle, the lowest and the highest, whatever the order", () => {
    expect(spreadOf([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  });

  it("reads between two values for a quantile", () => {
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(quantile([1, 2, 3], 1)).toBe(3);
  });

  it("compares round by round, so that a slow round of both changes nothing", () => {
    expect(ratioOf([10, 100, 10], [20, 200, 20])).toEqual({ median: 0.5, min: 0.5, max: 0.5 });
  });

  it("takes every contender once a round, each first in turn, and does not count the round before the first", async () => {
    const order: string[] = [];
    const contenders = ["a", "b", "c"].map((name) => ({ name }));
    const values = await measureInRounds(contenders, 2, async ({ name }) => order.push(name));
    expect(order.join("")).toBe("abcbcacab");
    expect([...values]).toEqual([
      ["a", [6, 8]],
      ["b", [4, 9]],
      ["c", [5, 7]],
    ]);
  });
});
