import { describe, expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { input, named, ofType } from "./rules/rule.ts";
import { permissions } from "./rules/statements.ts";
import { everything } from "./stages.ts";

/** Statements of a role's policy, by their names. */
function statementsOf(evaluation: Evaluation, policy: string) {
  const own = permissions(evaluation).filter(({ where }) => where === policy);
  return Object.fromEntries(own.map(({ sid, actions, resources }) => [sid, { actions, resources }]));
}

describe("the long-run task", () => {
  it("runs the bundle for Graviton when it was fetched, and not before", async () => {
    const task = named(await evaluateWhole(everything("dev")), "LongRunTask");
    expect(task.inputs).toMatchObject({
      family: "postern-dev-long-run",
      requiresCompatibilities: ["FARGATE"],
      runtimePlatform: { cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" },
    });
    const containers = JSON.parse(String(input(task, "containerDefinitions"))) as Record<string, unknown>[];
    expect(containers.map(({ name, essential, dependsOn }) => ({ name, essential, dependsOn }))).toEqual([
      { name: "bundle", essential: false, dependsOn: undefined },
      { name: "runner", essential: true, dependsOn: [{ containerName: "bundle", condition: "SUCCESS" }] },
    ]);
  });

  it("is started by a role that writes its log, and does nothing else", async () => {
    const evaluation = await evaluateWhole(everything("dev"));
    expect(input(named(evaluation, "LongRunTask"), "executionRoleArn")).toContain(":LongRunStartRole");
    expect(statementsOf(evaluation, "LongRunStartPolicy")).toEqual({
      WriteLog: {
        actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
        resources: [expect.stringMatching(/:LongRunLog:\*$/)],
      },
    });
  });

  it("has roles with a path of the stage's own, so that a policy can say who passes them", async () => {
    const evaluation = await evaluateWhole(everything("dev"));
    for (const name of ["LongRunRole", "LongRunStartRole"]) {
      expect(input(named(evaluation, name), "path")).toBe("/postern/dev/long-run/");
    }
  });

  it("runs on the image that the stage names by digest", async () => {
    const image = `public.ecr.aws/docker/library/node@sha256:${"0".repeat(64)}`;
    const evaluation = await evaluateWhole({ stage: "dev", config: { stages: { dev: { longRuns: { image } } } } });
    expect(input(named(evaluation, "LongRunTask"), "containerDefinitions")).toContain(image);
  });

  it("reads its code and the seeds, which the runner function reads, too", async () => {
    const evaluation = await evaluateWhole(everything("dev"));
    const seeds = {
      ListSeeds: { actions: ["s3:ListBucket"], resources: [expect.stringMatching(/:LongRunSeeds$/)] },
      ReadSeeds: { actions: ["s3:GetObject"], resources: [expect.stringMatching(/:LongRunSeeds\/\*$/)] },
    };
    expect(statementsOf(evaluation, "RunnerPolicy")).toMatchObject(seeds);
    expect(statementsOf(evaluation, "LongRunPolicy")).toMatchObject({
      ...seeds,
      ReadCode: {
        actions: ["s3:GetObject"],
        resources: [expect.stringMatching(/:LongRunCode\/runner\/[\da-f]{64}\.tar\.gz$/)],
      },
    });
  });
});

describe("what a stage with long runs keeps", () => {
  it("is the seeds of a protected stage; code can be made again", async () => {
    const evaluation = await evaluateWhole(everything("production"));
    for (const [name, isKept] of [
      ["LongRunSeeds", true],
      ["LongRunCode", false],
    ] as const) {
      const { inputs, options } = named(evaluation, name);
      expect({ name, forceDestroy: inputs["forceDestroy"], retained: options.retainOnDelete }).toEqual({
        name,
        forceDestroy: !isKept,
        retained: isKept,
      });
    }
  });

  it("is nothing where it is not protected", async () => {
    const buckets = ofType(await evaluateWhole(everything("dev")), "aws:s3/bucket:Bucket");
    expect(buckets.map((bucket) => [input(bucket, "forceDestroy"), bucket.options.retainOnDelete])).toEqual([
      [true, false],
      [true, false],
    ]);
  });
});

it("sst remove is refused for a protected stage, and what holds data stays all the same", async () => {
  const [production, staging] = await Promise.all(
    ["production", "staging"].map(async (stage) => evaluateWhole({ stage })),
  );
  expect(production?.app).toMatchObject({ protect: true, removal: "retain" });
  expect(staging?.app).toMatchObject({ protect: false, removal: "remove" });
});
