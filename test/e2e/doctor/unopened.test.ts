import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import type { DoctorReport } from "#lib/protocol.ts";
import { runCommand } from "../../support/command-line.ts";
import { startAwsStandIn } from "../../support/control-plane/aws-stand-in.ts";
import { startOutsideOfStage } from "../../support/outside-of-stage.ts";
import { makeDataFolder } from "../../support/run-folder.ts";
import { silentContext } from "../../support/silent-context.ts";
import { nobody } from "../../../scripts/doctor/observer.ts";
import { openExamination } from "../../../scripts/doctor/open-examination.ts";
import { addTargetOptions } from "../../../scripts/target.ts";
import { addFarEndOptions } from "../../../scripts/tunnel/destination.ts";
import { addTransportOptions } from "../../../scripts/tunnel/transport-options.ts";

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
  const { ms, probes } = json() as DoctorReport;
  expect([ms, probes[0]?.ms]).toEqual([expect.any(Number), ms]);
  expect(ms).toBeGreaterThan(0);
  expect(exitCode).toBe(1);
  expect(stderr).toBe("target: stage local; AWS does not give its manifest\n");
  expect(stderr).not.toContain("another");
});

test("who looks again is told of another reason than the first", async () => {
  const reasons = ["UnrecognizedClientException", "AccessDeniedException"];
  const aws = stack.use(
    await startAwsStandIn((_request, response) => {
      const __type = reasons.length > 1 ? reasons.shift() : reasons[0];
      response.writeHead(400, { "content-type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify({ __type, message: "no" }));
    }),
  );
  const folder = await makeDataFolder(inject("runFolder"));
  const { endpoint: url, region, credentials } = aws.access;
  await writeFile(join(folder, "aws.json"), JSON.stringify({ url, region, ...credentials }));
  const command = addTransportOptions(addFarEndOptions(addTargetOptions(new Command())));
  command.parse(["--stage", "local", "--data", folder], { from: "user" });
  const { look } = await openExamination(command, undefined, silentContext);
  expect((await look(nobody)).verdict.code).toBe("aws.credentials");
  expect((await look(nobody)).verdict.code).toBe("aws.permission");
});

test("a stage that does not exist is an error, and no verdict", async () => {
  const { awsEnv } = stack.use(await startOutsideOfStage({}));
  const { exitCode, stdout, stderr } = await runCommand(["doctor", "--stage", "nowhere", "--json"], { env: awsEnv });
  expect(exitCode).toBe(2);
  expect(`${stdout}${stderr}`).toContain("stage.unknown");
});
