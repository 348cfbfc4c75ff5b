import { expect, test } from "vitest";
import { besideProxy } from "#lib/doctor/beside-proxy.ts";
import { describeVerdict, type VerdictCode } from "#lib/doctor/verdicts.ts";
import type { DoctorReport } from "#lib/protocol.ts";

function report(code: VerdictCode): DoctorReport {
  const { summary, fix } = describeVerdict(code);
  return { verdict: { code, summary, fix, ...(code === "ok" ? {} : { evidence: "seen" }) }, probes: [], ms: 1 };
}

test("a proxy that is broken before a sound database is the verdict, and is said to be the proxy", () => {
  expect(besideProxy(report("ok").verdict, report("proxy.secret-stale"))).toMatchObject({
    code: "proxy.secret-stale",
    evidence: expect.stringMatching(/through the proxy: seen; without it the database is well/u),
  });
});

test("what is wrong without the proxy comes first", () => {
  const verdict = report("db.starting").verdict;
  expect(besideProxy(verdict, report("proxy.pool-exhausted"))).toBe(verdict);
});

test("a stage without a proxy, or whose function is older than its probe, is judged without one", () => {
  const { verdict } = report("ok");
  expect(besideProxy(verdict, undefined)).toBe(verdict);
  expect(besideProxy(verdict, report("ok"))).toBe(verdict);
});
