import { expect, test } from "vitest";
import { hasChanged } from "#lib/doctor/report/change.ts";
import { report, steps } from "../../../support/doctor-reports.ts";

const before = report("tls.stalled", steps("here", "dns tcp ssl-request !tls"));

test("other times and words are no change", () => {
  const later = { ...before, ms: 9, verdict: { ...before.verdict, evidence: "tls: no answer in 1301 ms" } };
  expect(hasChanged(before, later)).toBe(false);
});

test("another verdict is one, and so is the same from further vantages", () => {
  expect(hasChanged(before, report("ok", steps("here", "dns tcp ssl-request tls")))).toBe(true);
  const [both, ...others] = [before.probes, steps("vpc", "dns !tcp")];
  expect(hasChanged(before, { ...before, probes: [...both, ...others.flat()] })).toBe(true);
});
