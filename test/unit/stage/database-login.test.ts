import { expect, test, vi } from "vitest";
import { databaseLogin } from "#lib/stage/database-login.ts";
import { makeIamToken } from "#lib/stage/iam-token.ts";
import type { Manifest } from "#lib/contract.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";

const host = "postern-dev.abc.eu-central-1.rds.amazonaws.com";
const access: AwsAccess = {
  source: "environment",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
};

test("a token is signed for the database's own host, port and user, and for a quarter of an hour", async () => {
  const token = await makeIamToken({ host, port: 5432, user: "postern_readonly", region: "eu-central-1", access });
  const url = new URL(`https://${token}`);
  expect(url.host).toBe(`${host}:5432`);
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    Action: "connect",
    DBUser: "postern_readonly",
    "X-Amz-Expires": "900",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Credential": expect.stringMatching(/^AKIDEXAMPLE\/\d{8}\/eu-central-1\/rds-db\/aws4_request$/u),
  });
});

test("a role without a secret logs in with a token, one with a secret does not", () => {
  const manifest = {
    database: { host, port: 5432 },
    region: "eu-central-1",
    secrets: { app: "s" },
  } as unknown as Manifest;
  expect(databaseLogin(manifest, "readonly", access)).toMatchObject({ user: "postern_readonly", kind: "iam-token" });
  expect(databaseLogin(manifest, "app", access)).toMatchObject({ user: "postern_app", kind: "secret" });
});

test("without credentials there is no token, and the error says how to sign in", async () => {
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials");
  vi.stubEnv("AWS_CONFIG_FILE", "/nowhere/config");
  try {
    await expect(
      makeIamToken({ host, port: 5432, user: "postern_readonly", region: "eu-central-1" }),
    ).rejects.toMatchObject({ code: "aws.credentials", hint: expect.stringContaining("sso login") });
  } finally {
    vi.unstubAllEnvs();
  }
});
