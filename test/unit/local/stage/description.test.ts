import { expect, test } from "vitest";
import { describeFunctions, describeStage, type StageFacts } from "#lib/local/stage/description.ts";
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
  expect(secretsOf["postern-local-inspect"]).toEqual(["POSTERN_SECRET_MIGRATOR"]);
  expect(secretsOf["postern-local-health"]).toEqual(["POSTERN_SECRET_HEALTH"]);
  expect(secretsOf["postern-local-runner"]).toHaveLength(6);
});

test("the manifest is one that the command line reads, and holds no secret", () => {
  const bundle = { version: "1.0.0", migrationsHash: "00" };
  const text = JSON.stringify(describeStage(facts, bundle, "http://127.0.0.1:54322"));
  expect(parseManifest(text, "test")).toMatchObject({
    stage: "local",
    functions: { runner: "postern-local-runner" },
    secrets: { app: "postern/local/app" },
    bundle,
  });
  expect(text).not.toContain(facts.aws.secretAccessKey);
});
