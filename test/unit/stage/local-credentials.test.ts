import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toPosternError } from "#lib/base/errors.ts";
import { findAccess } from "#lib/stage/local-credentials.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-test-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const written = { url: "http://127.0.0.1:4566", region: "local", accessKeyId: "id", secretAccessKey: "key" };

async function find(content: string, stage = "local", env = {}) {
  const localFile = join(folder, "aws.json");
  await writeFile(localFile, content);
  return await findAccess({ stage, localFile, env });
}

test("the local stage is reached as its file says", async () => {
  expect(await find(JSON.stringify(written))).toEqual({
    source: "local-stage",
    endpoint: "http://127.0.0.1:4566",
    region: "local",
    credentials: { accessKeyId: "id", secretAccessKey: "key" },
  });
});

test("another stage is left to the AWS SDK", async () => {
  expect(await find(JSON.stringify(written), "dev")).toEqual({ source: "environment" });
});

test("an endpoint that the user names wins", async () => {
  const env = { AWS_ENDPOINT_URL: "http://127.0.0.1:1" };
  expect(await find(JSON.stringify(written), "local", env)).toEqual({ source: "environment" });
});

test.each([
  ["AWS_ENDPOINT_URL", "nonsense"],
  ["AWS_ENDPOINT_URL", "localhost:4566"],
  ["AWS_ENDPOINT_URL_SSM", "http://"],
])("an endpoint that is no URL is named, whatever the stage: %s=%s", async (name, value) => {
  for (const stage of ["local", "dev"]) {
    await expect(find(JSON.stringify(written), stage, { [name]: value })).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringContaining(`${name} is ${JSON.stringify(value)}, expected`),
      hint: expect.stringContaining(name),
    });
  }
});

test("without the file the stage is not running", async () => {
  const localFile = join(folder, "absent.json");
  await expect(findAccess({ stage: "local", localFile, env: {} })).rejects.toMatchObject({
    code: "stage.not-running",
    message: expect.stringContaining(localFile),
    hint: expect.stringContaining("--data"),
  });
});

test.each(["", "{}", '{"secretAccessKey":"hunter2"'])(
  "a broken file is refused without quoting it: %j",
  async (text) => {
    const error = toPosternError(await find(text).catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: "config.invalid" });
    expect(error.message).not.toContain("hunter2");
  },
);
