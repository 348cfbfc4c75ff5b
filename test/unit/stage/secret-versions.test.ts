import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import { noResources } from "#lib/local/aws/resources.ts";
import { createMemorySecretStore, storeSecret } from "#lib/local/aws/secret-store.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { fetchSecretText } from "#lib/stage/secrets-manager.ts";
import { createSecretVersions } from "#lib/stage/secret-versions.ts";

const secretId = "postern/dev/app";
const login = (password: string) => ({ username: "postern_app", password });

async function startSecretsManager(stack: AsyncDisposableStack, text: string) {
  const region = "eu-central-1";
  const credentials = { accessKeyId: `TEST${randomUUID()}`, secretAccessKey: randomUUID() };
  const secrets = createMemorySecretStore();
  await storeSecret(secrets, secretId, text, new Date());
  const endpoint = stack.use(
    await startAwsEndpoint({
      port: 0,
      onLog: () => {},
      credentials,
      region,
      accountId: "123456789012",
      parameters: new Map(),
      secrets,
      lambda: () => undefined,
      resources: () => noResources,
    }),
  );
  const access: AwsAccess = { source: "environment", endpoint: endpoint.url, region, credentials };
  return { access, versions: createSecretVersions(secretId, access) };
}

test("readers see a new password only when it is promoted, and promoting twice is promoting once", async () => {
  await using stack = new AsyncDisposableStack();
  const { access, versions } = await startSecretsManager(stack, JSON.stringify(login("old")));
  expect(await versions.readCurrent()).toBe("old");

  const versionId = await versions.putPending(login("new"));
  expect(await versions.readCurrent()).toBe("old");

  await versions.promote(versionId);
  await versions.promote(versionId);
  expect(await versions.readCurrent()).toBe("new");
  expect(JSON.parse(await fetchSecretText(secretId, access))).toEqual(login("new"));
});

test("a second rotation takes the label from the first", async () => {
  await using stack = new AsyncDisposableStack();
  const { versions } = await startSecretsManager(stack, JSON.stringify(login("one")));
  await versions.promote(await versions.putPending(login("two")));
  await versions.promote(await versions.putPending(login("three")));
  expect(await versions.readCurrent()).toBe("three");
});

test("a version that is not there is not promoted", async () => {
  await using stack = new AsyncDisposableStack();
  const { versions } = await startSecretsManager(stack, JSON.stringify(login("old")));
  await expect(versions.promote(randomUUID())).rejects.toMatchObject({
    code: "aws.failed",
    message: expect.stringContaining("secretsmanager:UpdateSecretVersionStage"),
  });
  expect(await versions.readCurrent()).toBe("old");
});

test("a secret without a password is refused", async () => {
  await using stack = new AsyncDisposableStack();
  const { versions } = await startSecretsManager(stack, "hunter2");
  await expect(versions.readCurrent()).rejects.toMatchObject({ code: "secret.invalid" });
});
