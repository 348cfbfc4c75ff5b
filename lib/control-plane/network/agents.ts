import { paginateDescribeInstanceInformation, type SSMClient } from "@aws-sdk/client-ssm";
import { sendOptions } from "#lib/stage/aws-access.ts";

/** An agent of Session Manager, as it last reported. One that never did is not in the answer at all. */
export type Agent = {
  readonly instanceId: string;
  /** `Online`, `ConnectionLost`, `Inactive`. */
  readonly pingStatus: string;
  readonly lastPingAt?: Date;
  readonly version?: string;
};

export async function readAgents(
  client: SSMClient,
  instanceIds: readonly string[],
  signal: AbortSignal,
): Promise<readonly Agent[]> {
  // SSM refuses a filter without values.
  if (instanceIds.length === 0) return [];
  const Filters = [{ Key: "InstanceIds", Values: [...instanceIds] }];
  const found: Agent[] = [];
  for await (const page of paginateDescribeInstanceInformation({ client }, { Filters }, sendOptions(signal))) {
    for (const {
      InstanceId = "",
      PingStatus = "Inactive",
      LastPingDateTime,
      AgentVersion,
    } of page.InstanceInformationList ?? []) {
      found.push({
        instanceId: InstanceId,
        pingStatus: PingStatus,
        ...(LastPingDateTime === undefined ? {} : { lastPingAt: LastPingDateTime }),
        ...(AgentVersion === undefined ? {} : { version: AgentVersion }),
      });
    }
  }
  return found;
}
