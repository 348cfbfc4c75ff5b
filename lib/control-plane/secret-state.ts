import { DescribeSecretCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { sendOptions } from "#lib/stage/aws-access.ts";

/** What is known of a secret without reading it. */
export type SecretState = "there" | "missing" | "being-deleted" | "without-value";

export async function readSecretState(
  client: SecretsManagerClient,
  secretId: string,
  signal: AbortSignal,
): Promise<SecretState> {
  try {
    const command = new DescribeSecretCommand({ SecretId: secretId });
    const { DeletedDate, VersionIdsToStages = {} } = await client.send(command, sendOptions(signal));
    if (DeletedDate !== undefined) return "being-deleted";
    const hasValue = Object.values(VersionIdsToStages).some((stages) => stages.includes("AWSCURRENT"));
    return hasValue ? "there" : "without-value";
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return "missing";
    throw error;
  }
}
