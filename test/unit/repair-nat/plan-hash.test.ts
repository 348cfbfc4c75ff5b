import { expect, test } from "vitest";
import type { RepairStep } from "#lib/repair-nat/result.ts";
import { hashRepairPlan } from "#lib/repair-nat/plan-hash.ts";
import { manifest } from "../../support/control-plane/network-facts.ts";

const start: RepairStep = { kind: "start-instance", resource: "i-1", from: "stopped", to: "running", why: "" };
const route: RepairStep = { kind: "create-route", resource: "rtb-1", from: "nothing", to: "eni-1", why: "" };

test("names the steps in their order, the stage and whom it cuts, and not why", () => {
  const hash = hashRepairPlan([start, route], manifest);
  expect(hash).toMatch(/^[0-9a-f]{64}$/u);
  expect(hashRepairPlan([{ ...start, why: "It does not run." }, route], manifest)).toBe(hash);
  const others = [
    hashRepairPlan([route, start], manifest),
    hashRepairPlan([start], manifest),
    hashRepairPlan([{ ...start, cuts: "every session" }, route], manifest),
    hashRepairPlan([start, { ...route, to: "eni-2" }], manifest),
    hashRepairPlan([start, route], { ...manifest, stage: "production" }),
    hashRepairPlan([start, route], { ...manifest, region: "us-east-1" }),
  ];
  expect(new Set([hash, ...others]).size).toBe(7);
});
