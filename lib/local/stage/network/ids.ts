import { createHash } from "node:crypto";
import { appName, tagKeys } from "#lib/contract.ts";

/** None of the ranges of the deployed stages. */
export const vpcRange = "10.43.0.0/16";
export const subnetRanges = {
  public: ["10.43.0.0/19", "10.43.64.0/19"],
  private: ["10.43.32.0/19", "10.43.96.0/19"],
} as const;

/** An id of EC2's form, the same at every start. */
export function localId(kind: string, name: string): string {
  return `${kind}-0${createHash("sha256").update(`${kind} ${name}`).digest("hex").slice(0, 16)}`;
}

const groupId = (name: string) => localId("sg", name);

/** Named for what `infra/` makes. */
export const networkIds = {
  vpc: localId("vpc", "Network"),
  publicSubnets: subnetRanges.public.map((range) => localId("subnet", range)),
  privateSubnets: subnetRanges.private.map((range) => localId("subnet", range)),
  publicRouteTables: subnetRanges.public.map((range) => localId("rtb", range)),
  privateRouteTables: subnetRanges.private.map((range) => localId("rtb", range)),
  internetGateway: localId("igw", "NetworkInternetGateway"),
  bastionInterface: localId("eni", "NetworkNatInstance1"),
  /** Of an instance that was there before. */
  goneInterface: localId("eni", "NetworkNatInstance0"),
  elasticIp: localId("eipalloc", "NetworkElasticIp1"),
  groups: {
    bastion: groupId("NetworkNatInstanceSecurityGroup"),
    database: groupId("DatabaseGroup"),
    proxy: groupId("DatabaseProxyGroup"),
    runner: groupId("Runner"),
    inspect: groupId("Inspect"),
    health: groupId("Health"),
    longRun: groupId("LongRun"),
  },
} as const;

/** As `infra/tags.ts` puts them on everything. */
export function stageTags(stage: string, part: string, name?: string): { Key: string; Value: string }[] {
  return [
    { Key: tagKeys.app, Value: appName },
    { Key: tagKeys.stage, Value: stage },
    { Key: tagKeys.part, Value: part },
    ...(name === undefined ? [] : [{ Key: "Name", Value: name }]),
  ];
}
