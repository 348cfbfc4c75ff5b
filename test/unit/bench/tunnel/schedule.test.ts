import { describe, expect, it } from "vitest";
import { faultKinds, gatewayFaults, schedule, type ScheduledFault } from "../../../../bench/tunnel/chaos/schedule.ts";

const take = (seed: number, count: number): ScheduledFault[] => schedule(seed).take(count).toArray();

describe("the schedule of the chaos", () => {
  it("has every kind once in each round, in another order", () => {
    const rounds = [0, 1].map((round) =>
      take(7, 2 * faultKinds.length)
        .slice(round * faultKinds.length)
        .slice(0, faultKinds.length),
    );
    const kinds = rounds.map((round) => round.map(({ kind }) => kind));
    for (const round of kinds) expect(round.toSorted()).toEqual(faultKinds.toSorted());
    expect(kinds[0]).not.toEqual(kinds[1]);
  });

  it("is the same for the same seed, and another for another", () => {
    expect(take(3, 40)).toEqual(take(3, 40));
    expect(take(3, 40)).not.toEqual(take(4, 40));
  });

  it("gives each fault's chance a seed, so that the same messages meet it", () => {
    const faults = take(5, 60).flatMap((fault) => (fault.kind === "lose" ? [gatewayFaults(fault)?.up?.seed] : []));
    expect(new Set(faults).size).toBe(faults.length);
  });
});
