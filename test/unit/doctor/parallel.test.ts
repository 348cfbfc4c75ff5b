import { expect, test } from "vitest";
import type { Attempt, Failure } from "#lib/doctor/evidence.ts";
import { judgeParallel } from "#lib/doctor/probes/parallel.ts";

const well: Attempt = { steps: [{ name: "ready", ms: 1, detail: "" }] };

function failed(failure: Failure): Attempt {
  return { steps: [{ name: "startup", ms: 1, detail: "seen", failure }] };
}

const late = failed({ kind: "out-of-time" });
const ended = failed({ kind: "ended", how: "fin", hasBytes: false, notified: false });
const silent = failed({ kind: "timeout" });

test("four that work work", () => {
  expect(judgeParallel([well, well, well, well], 5)).toEqual({ name: "parallel", ms: 5, detail: "4 at a time work" });
});

test("what had no time to end has not failed, and is said", () => {
  const step = judgeParallel([late, late, well, late], 5);
  expect(step.failure).toBeUndefined();
  expect(step.detail).toContain("3 had no time to end");
});

test("what is ended or silent is beyond a limit, beside those that work and those that are late", () => {
  expect(judgeParallel([well, well, ended, late], 5).failure).toEqual({
    kind: "limit",
    worked: 3,
    wanted: 4,
    isSilent: false,
  });
  expect(judgeParallel([well, silent, silent, silent], 5).failure).toMatchObject({ worked: 1, isSilent: true });
});

test("a refusal in words is the refusal", () => {
  const report = { severity: "FATAL", sqlState: "53300", message: "too many connections for role" };
  const refused = failed({ kind: "refused", report, isPasswordProven: true });
  expect(judgeParallel([well, ended, refused, well], 5).failure).toMatchObject({ kind: "refused", report });
});
