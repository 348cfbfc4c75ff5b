import { describe, expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import { rules } from "./rules/all.ts";
import { describeRules } from "./rules/describe-rules.ts";

const stages = ["production", "staging", "dev"];
/** What a stage may have beside what its kind has. */
const everything = {
  longRuns: true,
  alarms: { email: "on-call@example.com" },
  deployHook: { migrate: true, seedReference: true },
};
const config = { stages: Object.fromEntries(stages.map((stage) => [stage, everything])) };

/** The bastion that `sst tunnel` needs, beside it. */
const ssh = { network: { bastion: "ssh", sshFrom: ["203.0.113.7/32", "198.51.100.0/24"] } };
const withSsh = { stage: "dev", config: { stages: { dev: { ...everything, ...ssh } } } };

/** A VPC that was there before: with a bastion of ours, and without much else that a rule could look at. */
const existing = {
  network: {
    existing: { vpcId: "vpc-0123456789abcdef0", privateSubnetIds: ["subnet-private-a", "subnet-private-b"] },
  },
};
const inExisting = { stage: "production", config: { stages: { production: { ...everything, ...existing } } } };

describe.each(rules)("$id: $title", ({ violations, protectedOnly, vanillaDev, breaks, exceptSsh, exceptExisting }) => {
  it.each(protectedOnly ? ["production"] : stages)("holds for %s", async (stage) => {
    expect(violations(await evaluateWhole({ stage }))).toEqual([]);
    expect(violations(await evaluateWhole({ stage, config }))).toEqual([]);
  });

  it.skipIf(exceptExisting !== undefined)("holds in a VPC that was there before", async () => {
    expect(violations(await evaluateWhole(inExisting))).toEqual([]);
  });

  it.runIf(exceptExisting)("does not hold in a VPC that was there before", async () => {
    expect(violations(await evaluateWhole(inExisting))).not.toEqual([]);
  });

  it.skipIf(exceptSsh !== undefined || protectedOnly)("holds where the bastion is reached through SSH", async () => {
    expect(violations(await evaluateWhole(withSsh))).toEqual([]);
  });

  it.runIf(exceptSsh)("does not hold where the bastion is reached through SSH", async () => {
    expect(violations(await evaluateWhole(withSsh))).not.toEqual([]);
  });

  it.skipIf(breaks !== undefined)("does not hold for SST's defaults", async () => {
    const dev = vanillaDev === true ? { dev: true } : {};
    const vanilla = await evaluateWhole({ stage: "test", file: "test/infra/vanilla.sst.config.ts", ...dev });
    expect(violations(vanilla)).not.toEqual([]);
  });

  it.runIf(breaks)("does not hold when it is broken on purpose, as SST's defaults do not break it", async () => {
    const ours = await evaluateWhole({ stage: "production", config });
    expect(violations(breaks?.(ours) ?? ours)).not.toEqual([]);
  });
});

it("no two rules have the same id", () => {
  const ids = rules.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)]);
});

it("the page for reviewers says what the rules say", async () => {
  await expect(describeRules(rules)).toMatchFileSnapshot("../../docs/rules.md");
});
