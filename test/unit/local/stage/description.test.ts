import { expect, test } from "vitest";
import { environmentVariables } from "#lib/local/lambda/environment-variables.ts";
import {
  describeFunctions,
  describeResources,
  describeStage,
  describeTask,
  type StageFacts,
} from "#lib/local/stage/description.ts";
import { parseManifest } from "#lib/stage/manifest.ts";

const facts: StageFacts = {
  stage: "local",
  region: "local",
  database: { host: "127.0.0.1", port: 54_320, name: "postern", caFile: "/data/ca.pem", version: 18 },
  aws: { url: "http://127.0.0.1:54321", accessKeyId: "id", secretAccessKey: "key" },
};
const bundles = { runner: { dir: "/b/runner" }, inspect: { dir: "/b/inspect" }, health: { dir: "/b/health" } };

test("each function is told of the secrets that its role may read, and of no others", () => {
  const secretsOf = Object.fromEntries(
    describeFunctions(facts, bundles).map(({ name, env }) => [
      name,
      Object.keys(env).filter((key) => key.startsWith("POSTERN_SECRET_")),
    ]),
  );
  expect(secretsOf["postern-local-inspect"]).toEqual(["POSTERN_SECRET_MIGRATOR", "POSTERN_SECRET_HEALTH"]);
  expect(secretsOf["postern-local-health"]).toEqual(["POSTERN_SECRET_HEALTH"]);
  expect(secretsOf["postern-local-runner"]).toHaveLength(6);
});

test("the long-run task has the environment of the runner function, but for what Lambda alone sets", () => {
  const { env } = describeTask(facts, "/b/runner");
  const [runner] = describeFunctions(facts, bundles);
  const ofFunction = environmentVariables({
    functionName: "runner",
    handler: "index.handler",
    bundleDir: "/b/runner",
    memoryMb: 1024,
    region: facts.region,
    logStreamName: "log",
    runtimeApi: { address: "127.0.0.1:1", secret: "s" },
    env: runner?.env ?? {},
  });
  expect(runner?.name).toBe("postern-local-runner");
  expect(env).toMatchObject({ TZ: ":UTC", LANG: "en_US.UTF-8" });
  expect(ofFunction).toMatchObject(env);
  const others = Object.keys(ofFunction).filter((name) => !(name in env));
  const isOfLambda = /^(?:_HANDLER|AWS_(?:LAMBDA_.*|DEFAULT_REGION|EXECUTION_ENV)|LAMBDA_.*|POSTERN_RUNTIME_SECRET)$/u;
  expect(others.filter((name) => !isOfLambda.test(name))).toEqual([]);
});

test("EC2 has the bastion that the manifest names, running", () => {
  const { bastions } = describeStage(facts, { version: "1.0.0", migrationsHash: "00" }, "http://127.0.0.1:54322");
  const { instances } = describeResources(facts, new Date(0));
  expect(instances.map(({ InstanceId, State }) => [InstanceId, State?.Name])).toEqual([[bastions[0], "running"]]);
});

test("the manifest is one that the command line reads, and holds no secret", () => {
  const bundle = { version: "1.0.0", migrationsHash: "00" };
  const text = JSON.stringify(describeStage(facts, bundle, "http://127.0.0.1:54322"));
  expect(parseManifest(text, "test")).toMatchObject({
    stage: "local",
    functions: { runner: "postern-local-runner" },
    secrets: { app: "postern/local/app" },
    bundle,
    bastions: [expect.stringMatching(/^i-[0-9a-f]{17}$/u)],
    tunnel: { documentName: "postern-local-tunnel" },
  });
  expect(text).not.toContain(facts.aws.secretAccessKey);
});
