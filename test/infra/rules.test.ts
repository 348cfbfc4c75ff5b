import { describe, expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import { rules } from "./rules/all.ts";
import { describeRules } from "./rules/describe-rules.ts";
import { everything, everythingInExisting, everythingWithSsh } from "./stages.ts";

const stages = ["production", "staging", "dev"];

describe.each(rules)("$id: $title", ({ violations, protectedOnly, breaks, ...rule }) => {
  const { vanillaDev, vanillaOpen, exceptSsh, exceptExisting } = rule;

  it.each(protectedOnly ? ["production"] : stages)("holds for %s", async (stage) => {
    expect(violations(await evaluateWhole({ stage }))).toEqual([]);
    expect(violations(await evaluateWhole(everything(stage)))).toEqual([]);
  });

  it.skipIf(exceptExisting !== undefined)("holds in a VPC that was there before", async () => {
    expect(violations(await evaluateWhole(everythingInExisting))).toEqual([]);
  });

  it.runIf(exceptExisting)("does not hold in a VPC that was there before", async () => {
    expect(violations(await evaluateWhole(everythingInExisting))).not.toEqual([]);
  });

  it.skipIf(exceptSsh !== undefined || protectedOnly)("holds where the bastion is reached through SSH", async () => {
    expect(violations(await evaluateWhole(everythingWithSsh))).toEqual([]);
  });

  it.runIf(exceptSsh)("does not hold where the bastion is reached through SSH", async () => {
    expect(violations(await evaluateWhole(everythingWithSsh))).not.toEqual([]);
  });

  it.skipIf(breaks !== undefined)("does not hold for SST's defaults", async () => {
    const dev = vanillaDev === true ? { dev: true } : {};
    const vanilla = await evaluateWhole({ stage: "test", file: "test/infra/vanilla.sst.config.ts", ...dev });
    expect(violations(vanilla)).not.toEqual([]);
  });

  it.runIf(breaks !== undefined && vanillaOpen !== true)("holds for SST's defaults, as the page says", async () => {
    const vanilla = await evaluateWhole({ stage: "test", file: "test/infra/vanilla.sst.config.ts" });
    expect(violations(vanilla)).toEqual([]);
  });

  it.runIf(breaks)("does not hold when it is broken on purpose, as SST's defaults do not break it", async () => {
    const ours = await evaluateWhole(everything("production"));
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
