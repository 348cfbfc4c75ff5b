import { GetCallerIdentityCommand, type STSClient } from "@aws-sdk/client-sts";
import { sendOptions } from "#lib/stage/aws-access.ts";

/** Whose credentials these are. */
export type Identity = {
  /** As `assumed-role/developer/alice`, without the account. */
  readonly name: string;
};

export async function readIdentity(client: STSClient, signal: AbortSignal): Promise<Identity> {
  const { Arn = "" } = await client.send(new GetCallerIdentityCommand({}), sendOptions(signal));
  return { name: Arn.slice(Arn.lastIndexOf(":") + 1) };
}
