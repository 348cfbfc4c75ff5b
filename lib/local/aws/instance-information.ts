import type { InstanceInformation } from "@aws-sdk/client-ssm";
import * as v from "valibot";
import { AwsError } from "./aws-error.ts";
import { parseMembers } from "./json-protocol.ts";
import type { AwsResources } from "./resources.ts";
import type { SessionManager, SessionTarget } from "./ssm-sessions.ts";

const request = v.object({
  Filters: v.optional(
    v.array(v.object({ Key: v.string(), Values: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(100)) })),
    [],
  ),
});

/** What Systems Manager knows of agents: what the model says, and those that only the sessions know of. */
export function describeInstanceInformation(
  input: unknown,
  { instanceInformation }: AwsResources,
  sessions: SessionManager | undefined,
): object {
  const wanted = parseMembers(request, input).Filters.map(({ Key, Values }) => {
    if (Key !== "InstanceIds" && Key !== "PingStatus") {
      throw new AwsError("InvalidFilterKey", `The filter ${Key} is not offered here.`);
    }
    return (one: InstanceInformation) =>
      Values.includes((Key === "InstanceIds" ? one.InstanceId : one.PingStatus) ?? "");
  });
  const others = (sessions?.targets() ?? [])
    .filter(({ instanceId }) => instanceInformation.every((one) => one.InstanceId !== instanceId))
    .map(toInformation);
  const found = [...instanceInformation, ...others].filter((one) => wanted.every((isWanted) => isWanted(one)));
  return { InstanceInformationList: found.map(toJson) };
}

function toInformation({ instanceId, state }: SessionTarget): InstanceInformation {
  return {
    InstanceId: instanceId,
    PingStatus: state === "online" ? "Online" : "ConnectionLost",
    ResourceType: "EC2Instance",
    PlatformType: "Linux",
  };
}

/** Times are seconds since 1970. */
function toJson(information: InstanceInformation): object {
  return Object.fromEntries(
    Object.entries(information).map(([member, value]: [string, unknown]) => [
      member,
      value instanceof Date ? value.getTime() / 1000 : value,
    ]),
  );
}
