import { allow, deny, type Row, type Target } from "../row.ts";
import { anything, ec2, inDevelopment, parameter } from "../targets.ts";
import { key } from "./key.ts";
import { migrate, preview } from "./principals.ts";
import { giving } from "./tags.ts";

const ofAnyStage: Readonly<Record<string, readonly [on: Target, because: string]>> = {
  "ssm:GetParameter": [parameter("/sst/bootstrap"), "it says where SST's bucket is"],
  "ec2:DescribeVpcs": [anything, "answers are lists"],
  "rds:DescribeDBInstances": [inDevelopment("database of dev", "rds", "db:postern-dev"), "answers are lists"],
  "kms:DescribeKey": [key, "RDS asks for the key of the master's secret with its rights"],
  "rds:RegisterDBProxyTargets": [
    inDevelopment("targets of any proxy", "rds", "target-group:prx-tg-1"),
    "no name, no tag",
  ],
  "rds:DeregisterDBProxyTargets": [
    inDevelopment("targets of any proxy", "rds", "target-group:prx-tg-1"),
    "no name, no tag",
  ],
  "rds:ModifyDBProxyTargetGroup": [
    inDevelopment("targets of any proxy", "rds", "target-group:prx-tg-1"),
    "no name, no tag",
  ],
  "ecs:DeregisterTaskDefinition": [anything, "AWS takes no resource"],
  "logs:PutResourcePolicy": [anything, "AWS takes no resource"],
  "logs:DeleteResourcePolicy": [anything, "AWS takes no resource"],
  "route53:CreateHostedZone": [anything, "AWS takes no resource"],
  "route53:DeleteHostedZone": [{ name: "any zone", arn: "arn:aws:route53:::hostedzone/Z1" }, "its id says nothing"],
  "servicediscovery:UntagResource": [anything, "AWS takes no resource"],
};

/** What a deploy asks for that AWS lets nobody limit to a stage. docs/access.md says what can be done with it. */
export const limitlessRows: readonly Row[] = [
  ...Object.entries(ofAnyStage).flatMap(([action, [on, because]]) => [
    allow(preview, action, on, because),
    deny(migrate, action, on, "it deploys nothing"),
  ]),
  allow(
    preview,
    "servicediscovery:TagResource",
    anything,
    "AWS takes no resource: whosever namespace it is can be taken over",
    giving("pr-7"),
  ),
  deny(preview, "servicediscovery:TagResource", anything, "other stage's tags", giving("dev")),
  ...[
    { name: "any image", arn: "arn:aws:ec2:eu-central-1::image/ami-1" },
    { ...ec2("volume/vol-1", {}), name: "its volume" },
  ].map((on) =>
    allow(preview, "ec2:RunInstances", on, "goes with the instance", on.name === "its volume" ? giving("pr-7") : {}),
  ),
];
