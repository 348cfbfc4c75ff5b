import type { Inputs } from "./cloud.ts";

/**
 * RDS instances that were there before, by identifier. `fine` and `two-groups` can be adopted; each other one
 * cannot, for what it is called.
 */
const instances: Record<string, Inputs> = {
  fine: {},
  mysql: { engine: "mysql", engineVersion: "8.4.6" },
  old: { engineVersion: "13.20" },
  public: { publiclyAccessible: true },
  elsewhere: { dbSubnetGroup: "elsewhere" },
  classic: { dbSubnetGroup: "", vpcSecurityGroups: [] },
  "own-password": { masterUserSecrets: [] },
  "two-groups": { vpcSecurityGroups: ["sg-b", "sg-a"] },
  // Of a stage that was deployed before.
  "postern-running": { engineVersion: "17.6" },
  nameless: { dbName: "" },
};

const fine: Inputs = {
  engine: "postgres",
  engineVersion: "17.6",
  publiclyAccessible: false,
  storageEncrypted: true,
  dbSubnetGroup: "private",
  vpcSecurityGroups: ["sg-adopted"],
  masterUserSecrets: [{ secretArn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-fine" }],
  dbName: "shop",
  dbInstanceClass: "db.r8g.large",
  allocatedStorage: 500,
  port: 5433,
  resourceId: "db-FINE",
};

export function answerRdsCall(token: string, inputs: Inputs, vpcId: string): Inputs | undefined {
  if (token === "aws:rds/getSubnetGroup:getSubnetGroup") {
    return { ...inputs, id: "group", vpcId: inputs["name"] === "elsewhere" ? "vpc-elsewhere" : vpcId };
  }
  if (token === "aws:rds/getInstances:getInstances") {
    const [filter] = inputs["filters"] as { values: string[] }[];
    return { ...inputs, id: "instances", instanceIdentifiers: (filter?.values ?? []).filter((id) => id in instances) };
  }
  if (token !== "aws:rds/getInstance:getInstance") return undefined;
  const id = String(inputs["dbInstanceIdentifier"]);
  return { ...fine, ...instances[id], ...inputs, id, address: `${id}.abc.eu-central-1.rds.amazonaws.com` };
}
