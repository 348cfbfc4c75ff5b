import * as v from "valibot";
import { AwsError } from "./aws-error.ts";
import { jsonService, parseMembers } from "./json-protocol.ts";
import { describeInstanceInformation } from "./instance-information.ts";
import type { AwsService } from "./protocol.ts";
import type { AwsResources } from "./resources.ts";
import { type SessionManager, sessionOperations } from "./ssm-sessions.ts";

const getParameter = v.object({ Name: v.string() });
const getParameters = v.object({ Names: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(10)) });

/** Parameter Store with plain `String` parameters, and Session Manager; both are read at each call. */
export function ssmService(options: {
  readonly parameters: ReadonlyMap<string, string>;
  readonly region: string;
  readonly accountId: string;
  readonly sessions: () => SessionManager | undefined;
  readonly resources: () => AwsResources;
}): AwsService {
  const { parameters, region, accountId, sessions, resources } = options;
  const find = (name: string) => {
    const value = parameters.get(name);
    if (value === undefined) return undefined;
    const arn = `arn:aws:ssm:${region}:${accountId}:parameter${name.startsWith("/") ? "" : "/"}${name}`;
    return { Name: name, Type: "String", Value: value, Version: 1, ARN: arn, DataType: "text" };
  };
  return jsonService({
    signingName: "ssm",
    target: "AmazonSSM",
    operations: {
      ...sessionOperations(sessions, resources),
      DescribeInstanceInformation: (input) => describeInstanceInformation(input, resources(), sessions()),
      GetParameter: (input) => {
        const { Name } = parseMembers(getParameter, input);
        const parameter = find(Name);
        if (parameter === undefined) throw new AwsError("ParameterNotFound", `Parameter ${Name} not found.`);
        return { Parameter: parameter };
      },
      GetParameters: (input) => {
        const names = [...new Set(parseMembers(getParameters, input).Names)];
        return {
          Parameters: names.map(find).filter((parameter) => parameter !== undefined),
          InvalidParameters: names.filter((name) => find(name) === undefined),
        };
      },
    },
  });
}
