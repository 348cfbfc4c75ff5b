import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { PosternError } from "#lib/base/errors.ts";
import type { SecretVersions } from "#lib/migrate/roles/rotate.ts";
import { type AwsAccess, clientConfig, environmentAccess } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";
import { parseSecret } from "./secrets.ts";

const current = "AWSCURRENT";
const pending = "AWSPENDING";

/**
 * One secret in AWS Secrets Manager, for a rotation. Each call may be repeated: a version is put under a token of its
 * own (the SDK makes it once a call, for all attempts), and a label that has moved already is left where it is.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version
 */
export function createSecretVersions(secretId: string, access: AwsAccess = environmentAccess): SecretVersions {
  return {
    readCurrent: async () => {
      const { SecretString = "" } = await readVersion(secretId, access);
      return parseSecret(SecretString, secretId).password;
    },
    putPending: async (login) => {
      const { VersionId } = await call("PutSecretValue", access, (client) =>
        client.send(
          new PutSecretValueCommand({
            SecretId: secretId,
            SecretString: JSON.stringify(login),
            VersionStages: [pending],
          }),
        ),
      );
      return requireVersionId(VersionId, secretId);
    },
    promote: async (versionId) => {
      const { VersionId } = await readVersion(secretId, access);
      const presentId = requireVersionId(VersionId, secretId);
      if (presentId === versionId) return;
      await call("UpdateSecretVersionStage", access, (client) =>
        client.send(
          new UpdateSecretVersionStageCommand({
            SecretId: secretId,
            VersionStage: current,
            MoveToVersionId: versionId,
            // AWS wants to be told where the label is: two promotions cannot overrun each other.
            RemoveFromVersionId: presentId,
          }),
        ),
      );
    },
  };
}

async function readVersion(secretId: string, access: AwsAccess) {
  return await call("GetSecretValue", access, (client) =>
    client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: current })),
  );
}

async function call<Output>(
  operation: string,
  access: AwsAccess,
  send: (client: SecretsManagerClient) => Promise<Output>,
): Promise<Output> {
  const client = new SecretsManagerClient(clientConfig(access));
  try {
    return await send(client);
  } catch (error) {
    throw toAwsError(error, { name: `secretsmanager:${operation}`, access });
  } finally {
    client.destroy();
  }
}

function requireVersionId(versionId: string | undefined, secretId: string): string {
  if (versionId !== undefined) return versionId;
  throw new PosternError("aws.failed", `Secrets Manager named no version of ${secretId}.`);
}
