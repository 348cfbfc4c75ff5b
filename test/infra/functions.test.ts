import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { functionName, type FunctionPart, functionParts, type SecretOwner, secretVariables } from "#lib/contract.ts";
import { readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { type EvaluateOptions, evaluateWhole } from "../support/sst/evaluate.ts";
import { root } from "../support/sst/platform.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { input, named, ofType } from "./rules/rule.ts";
import { permissions } from "./rules/statements.ts";
import { dev, everything } from "./stages.ts";

const logicalNames = { runner: "Runner", inspect: "Inspect", health: "Health" } as const;
const ownSecrets: Readonly<Record<FunctionPart, readonly SecretOwner[]>> = {
  runner: ["master", "migrator", "app", "health"],
  inspect: ["migrator"],
  health: ["health"],
};

/** With a proxy inspect logs in there, too. */
function secretsOf(part: FunctionPart, hasProxy: boolean): readonly SecretOwner[] {
  return part === "inspect" && hasProxy ? ["migrator", "health"] : ownSecrets[part];
}

function functionOf(evaluation: Evaluation, part: FunctionPart) {
  return named(evaluation, `${logicalNames[part]}Function`);
}

async function reservedBy(options: EvaluateOptions): Promise<unknown> {
  return input(functionOf(await evaluateWhole(options), "health"), "reservedConcurrentExecutions");
}

function hostOfHealth(evaluation: Evaluation): unknown {
  return input(functionOf(evaluation, "health"), "environment", "variables", "POSTERN_DATABASE_HOST");
}

describe.each(functionParts)("the function %s", (part) => {
  it("is the bundle that was built, with the region's CAs in it", async () => {
    const lambda = functionOf(await evaluateWhole({ stage: "dev" }), part);
    expect(lambda.inputs).toMatchObject({ name: functionName("dev", part), handler: "index.handler" });
    const folder = path.join(root, String(input(lambda, "code")));
    expect(path.basename(folder)).toBe(part);
    expect(["index.mjs", "bundle.json", "ca.pem"].filter((name) => !existsSync(path.join(folder, name)))).toEqual([]);
  });

  it.each([
    ["dev", false],
    ["production", true],
  ])("understands the environment that it gets on %s", async (stage, isProtected) => {
    const lambda = functionOf(await evaluateWhole({ stage }), part);
    const variables = input(lambda, "environment", "variables") as Record<string, string>;
    const environment = await readFunctionEnvironment(variables, path.join(root, String(input(lambda, "code"))));
    expect(environment).toMatchObject({
      app: "postern",
      stage,
      isProtected,
      database: { port: 5432, name: "postern" },
    });
    expect(environment.ca?.length).toBeGreaterThan(3);
    const known = Object.entries(environment.secrets).filter(([, id]) => id !== undefined);
    expect(known.map(([owner]) => owner)).toEqual(secretsOf(part, isProtected));
  });

  it("may read the secrets that it is told of, and no other", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    const variables = input(functionOf(evaluation, part), "environment", "variables") as Record<string, string>;
    const told = ownSecrets[part].map((owner) => variables[secretVariables[owner]]);
    const about = permissions(evaluation).filter(
      ({ where, actions }) =>
        where === `${logicalNames[part]}Policy` && actions.some((action) => action.startsWith("secretsmanager:")),
    );
    const read = about.filter(({ actions }) => actions.includes("secretsmanager:GetSecretValue"));
    expect(read.map(({ effect, actions, resources }) => ({ effect, actions, resources }))).toEqual([
      { effect: "Allow", actions: ["secretsmanager:GetSecretValue"], resources: told },
    ]);
    const written = about.filter((one) => !read.includes(one));
    expect(written.map(({ actions, resources }) => ({ actions, resources }))).toEqual(
      part === "runner"
        ? [
            {
              actions: ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
              resources: ["migrator", "app", "health"].map((owner) => variables[secretVariables[owner as SecretOwner]]),
            },
          ]
        : [],
    );
  });

  it("cannot use the role's right to make network interfaces", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    const about = permissions(evaluation).filter(
      ({ where, actions }) =>
        where === `${logicalNames[part]}Policy` && actions.some((action) => action.startsWith("ec2:")),
    );
    expect(about.map(({ effect }) => effect)).toEqual(["Allow", "Deny"]);
    expect(about[1]?.actions).toEqual(about[0]?.actions);
    // Lambda itself, which makes them with the same role, is let be.
    expect(about[1]?.conditions).toEqual({
      ArnEquals: { "lambda:SourceFunctionArn": expect.stringContaining(`:function:${functionName("dev", part)}`) },
    });
  });

  it("writes to the log that is made for it, and to no other", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    const log = `${logicalNames[part]}Log`;
    expect(input(functionOf(evaluation, part), "loggingConfig", "logGroup")).toBe(`/aws/lambda/postern-dev-${part}`);
    const written = permissions(evaluation).filter(
      ({ where, actions }) => where === `${logicalNames[part]}Policy` && actions.includes("logs:PutLogEvents"),
    );
    expect(written.map(({ resources }) => resources)).toEqual([[expect.stringMatching(new RegExp(`:${log}:\\*$`))]]);
  });

  it("reaches the database's port and HTTPS, and nothing else", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    const rules = ofType(evaluation, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").filter(
      (rule) => input(rule, "securityGroupId") === `${logicalNames[part]}-id`,
    );
    expect(
      rules.map((rule) => [
        input(rule, "ipProtocol"),
        input(rule, "toPort"),
        input(rule, "cidrIpv4") ?? input(rule, "referencedSecurityGroupId"),
      ]),
    ).toEqual([
      ["tcp", 443, "0.0.0.0/0"],
      ["tcp", 5432, "DatabaseGroup-id"],
    ]);
  });
});

it("the health function reserves its concurrency, unless the account can reserve none", async () => {
  expect(await reservedBy({ stage: "dev" })).toBe(2);
  expect(await reservedBy({ stage: "production" })).toBe(5);
  expect(await reservedBy(dev({ health: { concurrency: "none" } }))).toBeUndefined();
});

it.each([
  ["stay when a protected stage is removed", "production", true],
  ["go with any other stage", "dev", false],
])("the logs of functions and of the long-run task %s", async (_what, stage, isKept) => {
  const evaluation = await evaluateWhole(everything(stage));
  const logs = ofType(evaluation, "aws:cloudwatch/logGroup:LogGroup").filter(({ name }) =>
    /^(?:Runner|Inspect|Health|LongRun)/.test(name),
  );
  expect(Object.fromEntries(logs.map(({ name, options }) => [name, options.retainOnDelete]))).toEqual({
    RunnerLog: isKept,
    InspectLog: isKept,
    HealthLog: isKept,
    LongRunLog: isKept,
  });
});

it("health goes through the proxy where there is one, and past it where the stage says so", async () => {
  expect(hostOfHealth(await evaluateWhole({ stage: "production" }))).toContain(".proxy-");
  expect(hostOfHealth(await evaluateWhole({ stage: "dev" }))).not.toContain(".proxy-");
  const past = dev({ proxy: { enabled: true }, health: { via: "database" } });
  expect(hostOfHealth(await evaluateWhole(past))).not.toContain(".proxy-");
});

it("the runner has fifteen minutes, inspect one, and health fewer than a load balancer waits", async () => {
  const evaluation = await evaluateWhole({ stage: "dev" });
  expect(functionParts.map((part) => input(functionOf(evaluation, part), "timeout"))).toEqual([900, 60, 10]);
});

const reach = (evaluation: Evaluation) =>
  ["InspectProxyOut", "InspectProxyIn"].filter((name) => evaluation.resources.some((one) => one.name === name));

describe("inspect and the proxy", () => {
  it("may reach it where there is one, as health, whose login it has", async () => {
    const evaluation = await evaluateWhole({ stage: "production" });
    const inspect = functionOf(evaluation, "inspect");
    const variables = input(inspect, "environment", "variables") as Record<string, string>;
    const { proxy } = await readFunctionEnvironment(variables, path.join(root, String(input(inspect, "code"))));
    const proxyOfManifest = JSON.parse(String(input(named(evaluation, "ManifestParameter"), "value"))).proxy;
    expect(proxy).toEqual({ host: proxyOfManifest.host, port: 5432 });
    expect(reach(evaluation)).toHaveLength(2);
    expect(variables[secretVariables.health]).toContain("DatabaseHealthSecret");
    expect(variables[secretVariables.app]).toBeUndefined();
  });

  it("has nothing of it where there is none", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    expect(reach(evaluation)).toEqual([]);
    expect(input(functionOf(evaluation, "inspect"), "environment", "variables")).not.toHaveProperty(
      "POSTERN_PROXY_HOST",
    );
  });
});
