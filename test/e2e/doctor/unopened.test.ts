import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "../../support/command-line.ts";
import { startOutsideOfStage } from "../../support/outside-of-stage.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
});

test("credentials that AWS does not take are the verdict, before anything of the stage is known", async () => {
  const { awsEnv } = stack.use(await startOutsideOfStage({}));
  const { exitCode, json, stderr } = await runCommand(["doctor", "--stage", "local", "--json"], {
    env: { ...awsEnv, AWS_SECRET_ACCESS_KEY: "another" },
  });
  expect(json()).toMatchObject({
    verdict: {
      code: "aws.credentials",
      fix: expect.stringContaining("aws sso login"),
      evidence: expect.stringContaining("manifest: ssm:GetParameter"),
    },
    probes: [{ name: "manifest", vantage: "aws", ok: false }],
  });
  expect(exitCode).toBe(1);
  expect(stderr).not.toContain("another");
});

test("a stage that does not exist is an error, and no verdict", async () => {
  const { awsEnv } = stack.use(await startOutsideOfStage({}));
  const { exitCode, stdout, stderr } = await runCommand(["doctor", "--stage", "nowhere", "--json"], { env: awsEnv });
  expect(exitCode).toBe(2);
  expect(`${stdout}${stderr}`).toContain("stage.unknown");
});
