import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PosternError } from "#lib/base/errors.ts";
import { type AwsAccess, clientConfig, environmentAccess } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";

/**
 * A file of its own, so that `secrets.ts` loads the AWS client only when the first secret is read.
 *
 * @throws PosternError `secret.missing`, `secret.invalid`, `aws.*`
 */
export async function fetchSecretText(secretId: string, access: AwsAccess = environmentAccess): Promise<string> {
  const client = new SecretsManagerClient(clientConfig(access, { requestTimeoutMs: 2000, maxAttempts: 2 }));
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
    if (SecretString !== undefined) return SecretString;
  } catch (error) {
    // AWS says the same of a secret that is not there and of one that was made without a value.
    if (error instanceof Error && error.name === "ResourceNotFoundException") {
      throw new PosternError("secret.missing", `The secret ${secretId} is not there, or has no value yet.`, {
        cause: error,
      });
    }
    throw toAwsError(error, { name: "secretsmanager:GetSecretValue", access });
  } finally {
    client.destroy();
  }
  throw new PosternError("secret.invalid", `The secret ${secretId} holds binary data.`);
}
