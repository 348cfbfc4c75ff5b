import type { Inputs } from "./cloud.ts";

/** RDS names AWS's own key of Secrets Manager, too. */
const masterSecret = {
  secretArn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-fine",
  kmsKeyId: "arn:aws:kms:eu-central-1:123456789012:key/aws",
};

/**
 * RDS instances that were there before, by identifier. `fine`, `two-groups`, `own-key` and `growing` can be adopted; each
 * other one cannot, for what it is called.
 */
const instances: Record<string, Inputs> = {
  fine: {},
  mysql: { engine: "mysql", engineVersion: "8.4.6" },
  elsewhere: { dbSubnetGroup: "elsewhere" },
  classic: { dbSubnetGroup: "", vpcSecurityGroups: [] },
  "two-groups": { vpcSecurityGroups: ["sg-b", "sg-a"] },
  // Of a stage that was deployed before, and has grown since.
  "postern-running": { engineVersion: "17.6", allocatedStorage: 60, dbSubnetGroup: "postern-running" },
  // Of a class that RDS offers no longer.
  "postern-outdated": { dbInstanceClass: "db.m1.large", allocatedStorage: 20, dbSubnetGroup: "postern-outdated" },
  // Of a stage that uses a VPC that was there before it.
  "postern-guest": { allocatedStorage: 20 },
  nameless: { dbName: "" },
  "own-key": { masterUserSecrets: [{ ...masterSecret, kmsKeyId: "own" }] },
  "hidden-key": { masterUserSecrets: [{ ...masterSecret, kmsKeyId: "hidden" }] },
  growing: { maxAllocatedStorage: 1000 },
};

/** Snapshots, by identifier or ARN; a stage without settings of its own can begin with `before` alone. */
const snapshots: Record<string, Inputs> = {
  before: {},
  "plain-and-big": { encrypted: false, allocatedStorage: 200 },
  "arn:aws:rds:eu-central-1:210987654321:snapshot:theirs": {
    dbSnapshotArn: "arn:aws:rds:eu-central-1:210987654321:snapshot:theirs",
  },
};

const encryptedSnapshot: Inputs = {
  allocatedStorage: 20,
  dbSnapshotArn: "arn:aws:rds:eu-central-1:123456789012:snapshot:before",
  encrypted: true,
  engine: "postgres",
  engineVersion: "17.6",
};

/** The newest minor version that RDS has of each major one. */
const newestMinors: Record<string, number> = { 16: 12, 17: 10, 18: 3 };

const fine: Inputs = {
  engine: "postgres",
  engineVersion: "17.6",
  publiclyAccessible: false,
  storageEncrypted: true,
  dbSubnetGroup: "private",
  vpcSecurityGroups: ["sg-adopted"],
  masterUserSecrets: [masterSecret],
  dbName: "shop",
  dbInstanceClass: "db.r8g.large",
  allocatedStorage: 500,
  maxAllocatedStorage: 0,
  port: 5433,
  resourceId: "db-FINE",
};

export function answerRdsCall(token: string, inputs: Inputs, vpcId: string): Inputs | undefined {
  if (token === "aws:rds/getSubnetGroup:getSubnetGroup") {
    const name = String(inputs["name"]);
    const ofStage = name.startsWith("postern-") ? name.replace("postern-", "vpc-of-") : vpcId;
    return { ...inputs, id: "group", vpcId: name === "elsewhere" ? "vpc-elsewhere" : ofStage };
  }
  if (token === "aws:rds/getInstances:getInstances") {
    const [filter] = inputs["filters"] as { values: string[] }[];
    return { ...inputs, id: "instances", instanceIdentifiers: (filter?.values ?? []).filter((id) => id in instances) };
  }
  if (token === "aws:rds/getEngineVersion:getEngineVersion") return answerVersion(inputs);
  if (token === "aws:rds/getOrderableDbInstance:getOrderableDbInstance") {
    if (!/^db\.(?:t4g|[mr][78]g)\./.test(String(inputs["instanceClass"]))) throw new Error("no offers found");
    return { ...inputs, id: "offer" };
  }
  if (token === "aws:rds/getSnapshot:getSnapshot") return answerSnapshot(inputs);
  if (token !== "aws:rds/getInstance:getInstance") return undefined;
  const id = String(inputs["dbInstanceIdentifier"]);
  if (!(id in instances)) throw new Error("couldn't find resource");
  return { ...fine, ...instances[id], ...inputs, id, address: `${id}.abc.eu-central-1.rds.amazonaws.com` };
}

function answerVersion(inputs: Inputs): Inputs {
  const [major = "", minor] = String(inputs["version"]).split(".");
  const newest = newestMinors[major] ?? -1;
  if (newest < Number(minor ?? 0)) throw new Error("no RDS engine versions found");
  return { ...inputs, id: "version", versionActual: `${major}.${minor ?? newest}` };
}

function answerSnapshot(inputs: Inputs): Inputs {
  const id = String(inputs["dbSnapshotIdentifier"]);
  const found = snapshots[id];
  const isListed = !id.startsWith("arn:") || inputs["includeShared"] === true;
  if (found === undefined || !isListed) throw new Error("Your query returned no results");
  return { ...encryptedSnapshot, ...found, ...inputs, id };
}

/** Keys that encrypt the masters' secrets, by id or ARN. */
export function answerKeyCall({ keyId }: Inputs): Inputs {
  const id = String(keyId).split("/").at(-1) ?? "";
  if (id === "hidden") throw new Error("AccessDeniedException: not authorized to perform kms:DescribeKey");
  const arn = `arn:aws:kms:eu-central-1:123456789012:key/${id}`;
  return { id, keyId, arn, keyManager: id === "aws" ? "AWS" : "CUSTOMER" };
}
