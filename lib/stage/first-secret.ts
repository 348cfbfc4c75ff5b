import { PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PosternError } from "#lib/base/errors.ts";
import type { RoleSecret } from "./secrets.ts";
import { type AwsAccess, clientConfig, environmentAccess } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";

/**
 * The id of a secret's first version, the same for every secret. AWS makes a version of an id once: with the same value again
 * the call does nothing, with another it is refused. So of two that write a first value one wins, and a call whose answer was
 * lost may be repeated.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html (ClientRequestToken)
 */
const firstVersionId = "706f7374-6572-4e66-a972-737476657231";

/**
 * Gives a secret that has no value its first one, which is AWSCURRENT at once.
 *
 * @returns false when somebody else has given it one meanwhile
 * @throws PosternError `secret.missing` when there is no such secret, `aws.*`
 */
export async function putFirstSecret(
  secretId: string,
  login: RoleSecret,
  access: AwsAccess = environmentAccess,
): Promise<boolean> {
  const client = new SecretsManagerClient(clientConfig(access));
  try {
    const SecretString = JSON.stringify({ username: login.username, password: login.password });
    await client.send(
      new PutSecretValueCommand({ SecretId: secretId, SecretString, ClientRequestToken: firstVersionId }),
    );
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceExistsException") return false;
    if (error instanceof Error && error.name === "ResourceNotFoundException") {
      throw new PosternError("secret.missing", `The secret ${secretId} is not there.`, {
        cause: error,
        hint: "Deploy the stage again: a deploy makes the secrets, and setup puts the first passwords into them.",
      });
    }
    throw toAwsError(error, { name: "secretsmanager:PutSecretValue", access });
  } finally {
    client.destroy();
  }
}
