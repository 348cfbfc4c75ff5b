import type { Instance } from "../database.ts";
import type { StageSettings } from "../settings/schema.ts";

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
