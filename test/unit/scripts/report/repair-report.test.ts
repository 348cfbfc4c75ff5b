import { expect, test } from "vitest";
import type { RepairNatResult, RepairStep } from "#lib/repair-nat/result.ts";
import { describeRepair } from "../../../../scripts/report/repair-report.ts";
import { plainStyle } from "../../../../scripts/style.ts";

const start: RepairStep = {
  kind: "start-instance",
  resource: "i-1",
  from: "stopped",
  to: "running",
  why: "It stands.",
};
const reboot: RepairStep = {
  kind: "reboot-instance",
  resource: "i-2",
  from: "Inactive",
  to: "Online",
  why: "It is silent.",
  cuts: "every session",
};
const plan: RepairNatResult = {
  plan: [start, reboot],
  planHash: "ab12",
  applied: [],
  unmended: [{ resource: "eipalloc-3", message: "It is gone.", fix: "npx sst deploy" }],
  left: [{ resource: "rtb-4", message: "It leads elsewhere." }],
};

function describe(result: RepairNatResult, isProtected = false): string[] {
  return describeRepair(result, plainStyle, { flags: "--stage dev", isProtected }).split("\n");
}

test("a plan says what is, what will be, why, whom it cuts, who else has to act, and how to go on", () => {
  expect(describe(plan)).toEqual([
    "· start-instance   i-1  stopped   →  running",
    "    It stands.",
    "· reboot-instance  i-2  Inactive  →  Online",
    "    It is silent.",
    "    cuts  every session",
    "✗ eipalloc-3  It is gone.",
    "  fix  npx sst deploy",
    "· rtb-4  It leads elsewhere.",
    "2 steps; to do it: postern repair-nat --stage dev --yes",
    "plan ab12",
  ]);
  expect(describe(plan, true).at(-2)).toBe("2 steps; to do it: postern repair-nat --stage dev --approve ab12");
});

test("what was done is marked, also where it stopped", () => {
  const error = { code: "aws.permission", message: "no" } as const;
  const lines = describe({ ...plan, applied: [{ ...start, ms: 9 }], error });
  expect(lines[0]).toMatch(/^✓ start-instance/u);
  expect(lines[2]).toMatch(/^· reboot-instance/u);
  expect(lines.at(-1)).toBe("stopped: 1 of 2 done");
});

test("it is mended only where that was seen", () => {
  const verified = { ok: true, plan: [], unmended: [], aws: [] };
  const ok = { code: "ok", summary: "", fix: "" };
  const mended = describe({ ...plan, unmended: [], verified: { ...verified, tunnel: ok } });
  expect(mended.at(-1)).toBe("mended; through the tunnel: ok");
  const tunnel = { code: "ssm.refused", summary: "", fix: "Look there." };
  const aws = [{ code: "aws.security-group", evidence: "the group lets nobody in", fix: "Add the rule." }];
  const lines = describe({ ...plan, verified: { ...verified, ok: false, plan: [reboot], aws, tunnel } });
  const found = lines.indexOf("aws.security-group  the group lets nobody in");
  expect(lines[found + 1]).toBe("  fix  Add the rule.");
  expect(lines.slice(-6)).toEqual([
    "what is left to do:",
    "· reboot-instance  i-2  Inactive  →  Online",
    "    It is silent.",
    "    cuts  every session",
    "not mended; through the tunnel: ssm.refused",
    "fix  Look there.",
  ]);
  const explained = { ...tunnel, fix: "Add the rule." };
  const once = describe({ ...plan, verified: { ...verified, ok: false, aws, tunnel: explained } });
  expect(once.filter((line) => line.includes("Add the rule."))).toHaveLength(1);
});
