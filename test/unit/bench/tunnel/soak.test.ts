import { describe, expect, it } from "vitest";
import type { Held } from "../../../../bench/tunnel/scene/held.ts";
import { judgeSoak } from "../../../../bench/tunnel/soak/verdict.ts";

const clean: Held = { heapMb: 30, rssMb: 200, sockets: 2, timers: 3, files: 27, children: 0 };

const soak = (held: (sample: number) => Partial<Held>, counts: Partial<Parameters<typeof judgeSoak>[0]> = {}) => ({
  ms: 600_000,
  closes: 120,
  answers: 1,
  wrongAnswers: 0,
  errors: 0,
  reconnects: 0,
  resumes: 120,
  sessions: 1,
  samples: Array.from({ length: 50 }, (_, sample) => ({
    atMs: sample * 10_000,
    held: { ...clean, ...held(sample) },
  })),
  ...counts,
});

const missed = (one: ReturnType<typeof soak>) => judgeSoak(one).flatMap(({ goal, isMet }) => (isMet ? [] : [goal]));

describe("the verdict of the soak", () => {
  it("is clean where nothing grows, whatever the beginning cost", () => {
    expect(missed(soak((sample) => ({ heapMb: 30 + Math.min(sample, 9) + (sample % 2) })))).toEqual([]);
  });

  it.each([
    ["heapMb", (sample: number) => ({ heapMb: 30 + sample * 0.1 })],
    ["rssMb", (sample: number) => ({ rssMb: 200 + sample * 1.5 })],
    ["sockets", (sample: number) => ({ sockets: 2 + Math.floor(sample / 5) })],
    ["files", (sample: number) => ({ files: 27 + Math.floor(sample / 5) })],
    ["children", (sample: number) => ({ children: sample < 25 ? 0 : 1 })],
  ])("sees %s grow", (name, held) => {
    expect(missed(soak(held))).toEqual([`growth of ${name}`]);
  });

  it("wants every answer right, and one session", () => {
    expect(missed(soak(() => ({}), { wrongAnswers: 1, sessions: 2 }))).toEqual([
      "wrong answers",
      "sessions at the end",
    ]);
  });

  it("says nothing of a soak that was too short", () => {
    expect(missed({ ...soak(() => ({})), samples: soak(() => ({})).samples.slice(0, 4) })).toEqual(["samples"]);
  });

  it("does without what only Linux tells", () => {
    const { files: _files, children: _children, ...rest } = clean;
    const samples = Array.from({ length: 10 }, (_, at) => ({ atMs: at, held: rest }));
    expect(missed({ ...soak(() => ({})), samples })).toEqual([]);
  });
});
