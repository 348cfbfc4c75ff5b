import type { Instance } from "../database.ts";
import type { StageSettings } from "../settings/schema.ts";

const versions = { first: 16, last: 18 } as const;

/** What keeps an instance from being used by the stage. */
export async function findAdoptionProblems(
  found: aws.rds.GetInstanceResult,
  settings: StageSettings,
): Promise<string[]> {
  const problems = [...findProblems(found), ...(await findNetworkProblems(found, settings))];
  if ((settings.database.name ?? found.dbName) === "") {
    problems.push("RDS knows no database in it; set database.name to that which is to be used");
  }
  return problems.length === 0 ? [] : [`database.adopt: ${found.dbInstanceIdentifier}: ${problems.join("; ")}`];
}

/**
 * An RDS instance that is there already and was looked at before (`findAdoptionProblems`). Nothing of it is changed but
 * that one of its security groups, the first by id, lets in the parts of the stage.
 */
export function adoptInstance(found: aws.rds.GetInstanceResult, { database }: StageSettings): Instance {
  const identifier = found.dbInstanceIdentifier;
  // RDS gives them in any order; another one would move every rule.
  const [groupId = ""] = found.vpcSecurityGroups.toSorted();
  void $util.log.info(
    `${identifier} is adopted. Its version, class, storage, zones, backups, parameters (rds.force_ssl), deletion protection ` +
      `and removal are not managed here: of the settings in database only name counts${found.storageEncrypted ? "" : ". Its storage is not encrypted"}.`,
  );
  return {
    instanceId: $util.output(identifier),
    resourceId: $util.output(found.resourceId),
    host: $util.output(found.address),
    port: found.port,
    name: $util.output(database.name ?? found.dbName),
    instanceClass: found.dbInstanceClass.replace(/^db\./, ""),
    storageGb: found.allocatedStorage,
    maxStorageGb: found.maxAllocatedStorage,
    masterSecretArn: $util.output(found.masterUserSecrets[0]?.secretArn ?? ""),
    groupId: $util.output(groupId),
    ready: [],
  };
}

function findProblems(found: aws.rds.GetInstanceResult): string[] {
  const { engine, engineVersion, publiclyAccessible, masterUserSecrets, vpcSecurityGroups } = found;
  if (engine !== "postgres") return [`its engine is ${engine}; expected postgres`];
  const major = Number(engineVersion.split(".")[0]);
  const problems: string[] = [];
  if (!(major >= versions.first && major <= versions.last)) {
    problems.push(`its version is ${engineVersion}; expected one from ${versions.first} to ${versions.last}`);
  }
  if (publiclyAccessible) problems.push("it is publicly accessible; expected a private one");
  if (vpcSecurityGroups.length === 0) problems.push("it has no security group; expected one of its VPC");
  if (masterUserSecrets.length === 0) {
    problems.push(
      "RDS does not manage its master password, which setup reads from RDS's secret; " +
        "turn it on with aws rds modify-db-instance --manage-master-user-password",
    );
  }
  return problems;
}

async function findNetworkProblems({ dbSubnetGroup }: aws.rds.GetInstanceResult, { network }: StageSettings) {
  if (dbSubnetGroup === "") return ["it is in no VPC"];
  const { vpcId } = await aws.rds.getSubnetGroup({ name: dbSubnetGroup });
  const expected = network.existing?.vpcId;
  return vpcId === expected ? [] : [`it is in ${vpcId}; expected ${expected}, the stage's VPC`];
}
