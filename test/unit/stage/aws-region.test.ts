import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { findAwsRegion } from "#lib/stage/aws-region.ts";

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-region-"));
  onTestFinished(async () => rm(folder, { recursive: true }));
  const config = join(folder, "config");
  await writeFile(config, "[profile work]\nregion = eu-north-1\n[profile bare]\noutput = json\n");
  for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_CONFIG_FILE", config);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "credentials"));
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test.each([
  [{ AWS_REGION: "eu-west-1" }, "eu-west-1"],
  [{ AWS_REGION: "eu-west-1", AWS_PROFILE: "work" }, "eu-west-1"],
  [{ AWS_PROFILE: "work" }, "eu-north-1"],
  [{ AWS_PROFILE: "bare" }, undefined],
  [{}, undefined],
])("with %j the region is %s, as the AWS SDK has it", async (env, region) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  expect(await findAwsRegion()).toBe(region);
});

test.each(["", "eu west"])("AWS_REGION=%j is refused", async (region) => {
  vi.stubEnv("AWS_REGION", region);
  await expect(findAwsRegion()).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining(JSON.stringify(region)),
  });
});
