import { tagKeys } from "#lib/contract.ts";
import { arn } from "../../arn.ts";
import type { Statement } from "../../statement.ts";
import { getsStageTag, hasStageTag, keepsStageTag, type Scope } from "../place.ts";
import { made } from "./network.ts";

/** Tags of networks, by which it is said whose they are; and the group that AWS makes with each VPC, which has none. */
export function mayTagNetwork(scope: Scope): readonly Statement[] {
  const gets = getsStageTag(scope);
  const defaultGroup = { Null: { [`aws:ResourceTag/${tagKeys.app}`]: "true" } };
  return [
    {
      Sid: "TagWhatIsMade",
      Effect: "Allow",
      Action: "ec2:CreateTags",
      Resource: "*",
      Condition: {
        ...gets,
        StringEquals: { ...gets.StringEquals, "ec2:CreateAction": Object.keys(made) },
      },
    },
    {
      Sid: "TagOwn",
      Effect: "Allow",
      Action: "ec2:CreateTags",
      Resource: "*",
      Condition: { ...hasStageTag(scope), ...keepsStageTag(scope) },
    },
    {
      // It is emptied, and then tagged. Every group of the account without our tags is like it (docs/access.md).
      Sid: "EmptyDefaultGroup",
      Effect: "Allow",
      Action: ["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
      Resource: arn(scope.account, "ec2", "security-group/*"),
      Condition: defaultGroup,
    },
    {
      Sid: "TagDefaultGroup",
      Effect: "Allow",
      Action: "ec2:CreateTags",
      Resource: arn(scope.account, "ec2", "security-group/*"),
      Condition: { ...gets, ...defaultGroup },
    },
  ];
}
