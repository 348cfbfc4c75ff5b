import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { DescribeInstanceInformationCommand, SSMClient } from "@aws-sdk/client-ssm";
import { PosternError } from "#lib/base/errors.ts";
import { type AwsAccess, clientConfig, sendOptions } from "#lib/stage/aws-access.ts";

type LookOptions = {
  readonly access: AwsAccess;
  readonly region?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What StartSession said. */
  readonly cause: Error;
};

/** What was seen of an instance; undefined: it could not be looked at (permission, time). */
type InstanceState = string | undefined;

const lookTimeoutMs = 3000;

/**
 * Session Manager says "not connected" alike of an instance that does not exist, that is stopped, and whose agent is
 * down. Two more calls tell these apart, where this identity may make them.
 */
export async function explainNotConnected(target: string, options: LookOptions): Promise<PosternError> {
  const [instance, agent] = await Promise.all([instanceState(target, options), agentState(target, options)]);
  const { cause } = options;
  if (instance === "missing" && agent !== "Online") {
    return new PosternError("ssm.target-missing", `There is no instance ${target} in this account and region.`, {
      cause,
    });
  }
  if (instance !== undefined && instance !== "running" && instance !== "missing") {
    return new PosternError("ssm.bastion-stopped", `The instance ${target} is ${instance}.`, { cause });
  }
  if (instance === "running" || agent === "Online") {
    const how = agent === undefined ? "" : ` (${agent === "missing" ? "it has never registered" : agent})`;
    return new PosternError("ssm.agent-offline", `The SSM agent on ${target} is not connected${how}.`, { cause });
  }
  const seen = agent === undefined || agent === "missing" ? "" : ` Its agent was last seen as ${agent}.`;
  return new PosternError(
    "ssm.agent-offline",
    `Session Manager does not reach ${target}: the instance is stopped, its agent is down, or it is not in this account and region.${seen}`,
    {
      hint: "Look at the instance, and start or reboot it. ec2:DescribeInstances would let Postern tell which it is.",
      cause,
    },
  );
}

/** "running", "stopped" …, "missing". */
async function instanceState(target: string, { access, region, signal }: LookOptions): Promise<InstanceState> {
  const client = new EC2Client(lookConfig(access, region));
  try {
    const command = new DescribeInstancesCommand({ InstanceIds: [target] });
    const { Reservations = [] } = await client.send(command, sendOptions(signal));
    return Reservations[0]?.Instances?.[0]?.State?.Name ?? "missing";
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    return name.startsWith("InvalidInstanceID") ? "missing" : undefined;
  } finally {
    client.destroy();
  }
}

/** "Online", "ConnectionLost", "Inactive", "missing". */
async function agentState(target: string, { access, region, signal }: LookOptions): Promise<InstanceState> {
  const client = new SSMClient(lookConfig(access, region));
  try {
    const command = new DescribeInstanceInformationCommand({ Filters: [{ Key: "InstanceIds", Values: [target] }] });
    const { InstanceInformationList = [] } = await client.send(command, sendOptions(signal));
    return InstanceInformationList[0]?.PingStatus ?? "missing";
  } catch {
    return undefined;
  } finally {
    client.destroy();
  }
}

function lookConfig(access: AwsAccess, region: string | undefined) {
  const limits = { requestTimeoutMs: lookTimeoutMs, maxAttempts: 1 };
  return clientConfig(region === undefined ? access : { ...access, region }, limits);
}
