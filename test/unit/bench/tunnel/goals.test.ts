import { describe, expect, it } from "vitest";
import { judge } from "../../../../bench/tunnel/goals.ts";

const one = (direction: "down" | "up", rate: number) => ({
  name: "ssm, 16 KiB payloads",
  direction,
  megabytesPerSecond: [rate],
});
const several = (sessions: number, direction: "down" | "up", rate: number) => ({
  sessions,
  direction,
  megabytesPerSecond: [rate],
});

describe("judge", () => {
  it("judges nothing that was not measured", () => {
    expect(judge({})).toEqual([]);
    expect(judge({ roundTrips: [], throughput: [], sessions: [], returns: [] })).toEqual([]);
  });

  it("takes the round trip's difference round by round, against the raw socket", () => {
    const roundTrips = [
      { name: "raw socket", medianMs: [0.1, 5], p99Ms: [1, 1] },
      { name: "ssm", medianMs: [0.4, 5.3], p99Ms: [1, 1] },
    ];
    const [goal] = judge({ roundTrips });
    expect(goal?.measured.max).toBeCloseTo(0.3);
    expect(goal?.measured.min).toBeCloseTo(0.3);
  });

  it("compares the download alone with the recorded number of the official plugin, and says that it is one", () => {
    expect(judge({ throughput: [one("down", 119), one("up", 400)] })).toMatchObject([
      { goal: expect.stringContaining("recorded: 80 MB/s"), limit: { kind: "at least", value: 1.5 }, isMet: false },
    ]);
    expect(judge({ throughput: [one("down", 120)] })).toMatchObject([{ isMet: true }]);
  });

  it("wants seven times of eight sessions, in each direction", () => {
    const sessions = [several(1, "down", 1), several(8, "down", 7), several(1, "up", 1), several(8, "up", 6.9)];
    expect(judge({ sessions })).toMatchObject([{ isMet: true }, { isMet: false }]);
  });

  it("wants no hang at all, and no session left", () => {
    const starts = { starts: 500, hangs: 1, failures: [], medianMs: 1, worstMs: 1, sessionsLeft: 0 };
    expect(judge({ starts })).toMatchObject([{ isMet: false }, { isMet: true }]);
  });
});
