import {
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storeSecret } from "#lib/local/aws/secret-store.ts";
import { disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint();
});
afterAll(() => endpoint[Symbol.asyncDispose]());

describe("Secrets Manager", () => {
  test("reads the current value by name, by ARN and by the ARN without its suffix", async () => {
    using client = disposable(new SecretsManagerClient(endpoint.config()));
    await storeSecret(endpoint.secrets, "s/read", '{"password":"p"}', new Date("2026-01-01T00:00:00Z"));
    const byName = await client.send(new GetSecretValueCommand({ SecretId: "s/read" }));
    expect(byName).toMatchObject({
      SecretString: '{"password":"p"}',
      VersionStages: ["AWSCURRENT"],
      CreatedDate: new Date("2026-01-01T00:00:00Z"),
    });
    const arn = byName.ARN ?? "";
    expect(arn).toMatch(/^arn:aws:secretsmanager:eu-central-1:123456789012:secret:s\/read-[A-Za-z0-9]{6}$/u);
    for (const id of [arn, arn.slice(0, -7)]) {
      expect((await client.send(new GetSecretValueCommand({ SecretId: id }))).Name).toBe("s/read");
    }
  });

  test("a rotation: the pending value waits, becomes current, and the old one stays as previous", async () => {
    using client = disposable(new SecretsManagerClient(endpoint.config()));
    await storeSecret(endpoint.secrets, "s/rotate", "old", new Date());
    const value = async (stage: string) =>
      (await client.send(new GetSecretValueCommand({ SecretId: "s/rotate", VersionStage: stage }))).SecretString;
    const old = await client.send(new GetSecretValueCommand({ SecretId: "s/rotate" }));

    const pending = await client.send(
      new PutSecretValueCommand({ SecretId: "s/rotate", SecretString: "new", VersionStages: ["AWSPENDING"] }),
    );
    expect(await value("AWSCURRENT")).toBe("old");
    expect(await value("AWSPENDING")).toBe("new");

    const move = { SecretId: "s/rotate", VersionStage: "AWSCURRENT", MoveToVersionId: pending.VersionId };
    const refused = await errorOf(client.send(new UpdateSecretVersionStageCommand(move)));
    expect(refused).toMatchObject({
      name: "InvalidParameterException",
      message: expect.stringContaining("RemoveFrom"),
    });

    await client.send(new UpdateSecretVersionStageCommand({ ...move, RemoveFromVersionId: old.VersionId }));
    expect(await value("AWSCURRENT")).toBe("new");
    expect(await value("AWSPREVIOUS")).toBe("old");
  });

  test.each([
    ["an unknown secret", new GetSecretValueCommand({ SecretId: "nowhere" }), "ResourceNotFoundException"],
    [
      "a stage that no version has",
      new GetSecretValueCommand({ SecretId: "s/some", VersionStage: "AWSPENDING" }),
      "ResourceNotFoundException",
    ],
    ["a new value without one", new PutSecretValueCommand({ SecretId: "s/some" }), "InvalidParameterException"],
    ["an operation that is not offered", new DeleteSecretCommand({ SecretId: "s/some" }), "UnknownOperationException"],
  ] as const)("refuses %s", async (_case, command, name) => {
    using client = disposable(new SecretsManagerClient(endpoint.config()));
    await storeSecret(endpoint.secrets, "s/some", "value", new Date());
    expect(await errorOf(client.send(command))).toMatchObject({ name, status: 400 });
  });
});
