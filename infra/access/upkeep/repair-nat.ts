import { repairNatActions, type RepairWrite, tagKeys } from "#lib/contract.ts";
import { unlessGlassIsBroken } from "../guard.ts";
import type { Account } from "../settings.ts";
import { arn } from "../arn.ts";
import { protectedStages, taggedAsOwnStage } from "../own-stage.ts";
import type { Statement } from "../statement.ts";

/** Attributes of an instance can be its user data, which runs as root: of all of them this one. */
const forwarding: RepairWrite = "ec2:ModifyInstanceAttribute";

/** What `repair-nat` changes, on what is tagged with one's own stage; routes and addresses cannot be made for others. */
export function mayRepairNetwork(account: Account): readonly Statement[] {
  const own = { StringEquals: taggedAsOwnStage("aws:ResourceTag") };
  return [
    { Sid: "StateOfNetwork", Effect: "Allow", Action: repairNatActions.reads, Resource: ["*"] },
    {
      Sid: "NetworkOfOwnStage",
      Effect: "Allow",
      Action: repairNatActions.writes.filter((action) => action !== forwarding),
      Resource: ["instance/*", "elastic-ip/*", "route-table/*"].map((resource) => arn(account, "ec2", resource)),
      Condition: own,
    },
    {
      Sid: "ForwardingOfOwnStage",
      Effect: "Allow",
      Action: [forwarding],
      Resource: [arn(account, "ec2", "instance/*")],
      Condition: { StringEquals: { ...own.StringEquals, "ec2:Attribute": "SourceDestCheck" } },
    },
    ...noProtectedNetwork(account),
  ];
}

function noProtectedNetwork(account: Account): readonly Statement[] {
  const stages = protectedStages(account);
  if (stages.length === 0) return [];
  return [
    {
      Sid: "NoProtectedNetwork",
      Effect: "Deny",
      Action: repairNatActions.writes,
      Resource: ["*"],
      Condition: { ...unlessGlassIsBroken(account), StringEquals: { [`aws:ResourceTag/${tagKeys.stage}`]: stages } },
    },
  ];
}
