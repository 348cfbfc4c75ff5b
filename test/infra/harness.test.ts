import { describe, expect, it } from "vitest";
import { evaluate, evaluateWhole } from "../support/sst/evaluate.ts";
import { ofType } from "./rules/rule.ts";

const vanilla = { stage: "test", file: "test/infra/vanilla.sst.config.ts" } as const;

describe("the evaluation of an SST config", () => {
  it("declares what SST's components make, with SST's defaults", async () => {
    const evaluation = await evaluateWhole(vanilla);
    const [instance] = ofType(evaluation, "aws:rds/instance:Instance");
    expect(instance?.inputs).toMatchObject({ engine: "postgres", skipFinalSnapshot: true });
    expect(ofType(evaluation, "aws:rds/proxy:Proxy")).toHaveLength(1);
    expect(ofType(evaluation, "aws:lambda/function:Function")).toHaveLength(3);
    expect(ofType(evaluation, "aws:ecs/taskDefinition:TaskDefinition")).toHaveLength(1);
  });

  it("unwraps secrets and says where they are", async () => {
    const evaluation = await evaluateWhole(vanilla);
    const [instance] = ofType(evaluation, "aws:rds/instance:Instance");
    expect(instance?.inputs["password"]).toMatch(/^x+$/);
    expect(instance?.secretInputs).toContain("password");
    expect(evaluation.outputs["password"]).toMatchObject({ isSecret: true });
    expect(evaluation.outputs["url"]).toMatchObject({ isSecret: false });
  });

  it("keeps the options that a resource ends with", async () => {
    const { resources } = await evaluateWhole(vanilla);
    const options = resources.find(({ name }) => name === "DatabaseInstance")?.options;
    expect(options).toMatchObject({
      parent: "Database",
      protect: false,
      retainOnDelete: true,
      deleteBeforeReplace: true,
    });
    expect(options?.dependsOn).toContain("DatabaseSubnetGroup");
  });

  it("reports errors, those of outputs too, data sources that it cannot answer, and outputs as text", async () => {
    const evaluation = await evaluate({ stage: "test", file: "test/infra/failing.sst.config.ts" });
    expect(evaluation.errors).toEqual(expect.arrayContaining([expect.stringContaining("thrown inside of an output")]));
    expect(evaluation.errors).toEqual(expect.arrayContaining([expect.stringContaining("getCanonicalUserId")]));
    expect(evaluation.errors).toContain("Named: an output as text");
    await expect(evaluateWhole({ stage: "test", file: "test/infra/failing.sst.config.ts" })).rejects.toThrow(
      "thrown inside of an output",
    );
  });
});
