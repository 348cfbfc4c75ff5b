import type { IpPermission } from "@aws-sdk/client-ec2";
import { appName } from "#lib/contract.ts";
import type { LocalSecurityGroup } from "../../aws/resources.ts";
import { networkIds, stageTags, vpcRange } from "./ids.ts";

const { groups } = networkIds;

/** Whose connections are let in where, as `infra/` declares them with `allow` and `allowIn`. */
const connections = [
  { from: "bastion", to: "database", description: "Tunnels" },
  { from: "runner", to: "database", description: "Runner to the database" },
  { from: "inspect", to: "database", description: "Inspect to the database" },
  { from: "longRun", to: "database", description: "Long runs" },
  { from: "proxy", to: "database", description: "Proxy" },
  { from: "health", to: "proxy", description: "Health to the database" },
  { from: "inspect", to: "proxy", description: "Inspect to the proxy" },
] as const;

type GroupName = keyof typeof groups;

const logicalNames: Readonly<Record<GroupName, { readonly name: string; readonly part: string }>> = {
  bastion: { name: "NetworkNatInstanceSecurityGroup", part: "network" },
  database: { name: "DatabaseGroup", part: "database" },
  proxy: { name: "DatabaseProxyGroup", part: "database" },
  runner: { name: "Runner", part: "runner" },
  inspect: { name: "Inspect", part: "inspect" },
  health: { name: "Health", part: "health" },
  longRun: { name: "LongRun", part: "long-runs" },
};

/** The groups of a stage. The ports are those that its database and its proxy listen on here. */
export function describeSecurityGroups(
  stage: string,
  ports: { readonly database: number; readonly proxy: number },
): readonly LocalSecurityGroup[] {
  return Object.entries(logicalNames).map(([key, { name, part }]) => {
    const group = key as GroupName;
    const physicalName = `${appName}-${stage}-${name}`;
    return {
      GroupId: groups[group],
      GroupName: physicalName,
      Description: name,
      VpcId: networkIds.vpc,
      IpPermissions: [
        ...connections.filter(({ to }) => to === group).map((one) => onPort(ports[one.to], one.from, one.description)),
        ...(group === "bastion" ? [anything(vpcRange, "NAT for the VPC")] : []),
      ],
      IpPermissionsEgress: [
        ...connections
          .filter(({ from }) => from === group && from !== "bastion")
          .map((one) => onPort(ports[one.to], one.to, one.description)),
        ...wayOut(group),
      ],
      Tags: stageTags(stage, part, physicalName),
    };
  });
}

function wayOut(group: GroupName): IpPermission[] {
  if (group === "bastion") return [anything("0.0.0.0/0")];
  if (group === "database" || group === "proxy") return [];
  return [
    {
      IpProtocol: "tcp",
      FromPort: 443,
      ToPort: 443,
      IpRanges: [{ CidrIp: "0.0.0.0/0", Description: "AWS endpoints" }],
    },
  ];
}

function onPort(port: number, other: GroupName, description: string): IpPermission {
  return {
    IpProtocol: "tcp",
    FromPort: port,
    ToPort: port,
    UserIdGroupPairs: [{ GroupId: groups[other], Description: description }],
  };
}

function anything(range: string, description?: string): IpPermission {
  return {
    IpProtocol: "-1",
    IpRanges: [{ CidrIp: range, ...(description === undefined ? {} : { Description: description }) }],
  };
}
