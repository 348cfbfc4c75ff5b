import { DescribeInstanceInformationCommand, type InstanceInformation, SSMClient } from "@aws-sdk/client-ssm";
import { PosternError } from "#lib/base/errors.ts";
import { type AwsAccess, clientConfig, sendOptions } from "#lib/stage/aws-access.ts";
import { toAwsError } from "#lib/stage/aws-errors.ts";

/**
 * The bastion that a session goes through: of several the first whose agent is online.
 *
 * Whoever may not ask which are online (`ssm:DescribeInstanceInformation`, which knows no resources) gets the first: StartSession
 * tells then.
 *
 * @throws PosternError `ssm.agent-offline` when none is online, `aws.*`
 */
export async function chooseBastion(
  bastions: readonly string[],
  access: AwsAccess,
  signal: AbortSignal | undefined,
): Promise<string> {
  const [first] = bastions;
  if (first === undefined) throw new PosternError("config.invalid", "The stage has no bastion.");
  if (bastions.length === 1) return first;
  const known = await describe(bastions, access, signal);
  if (known === undefined) return first;
  const online = bastions.find((id) => known.some((one) => one.InstanceId === id && one.PingStatus === "Online"));
  if (online !== undefined) return online;
  const states = bastions.map((id) => `${id} (${stateOf(known.find((one) => one.InstanceId === id))})`);
  throw new PosternError("ssm.agent-offline", `No bastion is online: ${states.join(", ")}.`);
}

async function describe(
  bastions: readonly string[],
  access: AwsAccess,
  signal: AbortSignal | undefined,
): Promise<readonly InstanceInformation[] | undefined> {
  const client = new SSMClient(clientConfig(access));
  try {
    const Filters = [{ Key: "InstanceIds", Values: [...bastions] }];
    const answer = await client.send(new DescribeInstanceInformationCommand({ Filters }), sendOptions(signal));
    return answer.InstanceInformationList ?? [];
  } catch (error) {
    const known = toAwsError(error, { name: "ssm:DescribeInstanceInformation", access, signal });
    if (known.code === "aws.permission") return undefined;
    throw known;
  } finally {
    client.destroy();
  }
}

function stateOf(information: InstanceInformation | undefined): string {
  return information?.PingStatus ?? "unknown to Session Manager";
}
