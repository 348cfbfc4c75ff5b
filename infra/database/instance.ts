import { appName, instanceIdentifier } from "#lib/contract.ts";
import type { Instance } from "../database.ts";
import type { Network } from "../network.ts";
import { createGroup } from "../security-groups.ts";
import type { StageSettings } from "../settings/schema.ts";
import { declareLog } from "./logs.ts";
import { declareMonitoring } from "./monitoring.ts";
import type { FoundDatabase } from "./look-up.ts";
import { declareParameters } from "./parameters.ts";
import { isMajorUpgrade, isNewEnough } from "./versions.ts";

const databasePort = 5432;

/** Not `postgres`, the name that is tried first (RDS.25). The local stage has the same. */
const masterName = "postern_master";

/** What is written to CloudWatch; RDS for PostgreSQL has no more. */
const logExports = {
  DatabaseLog: "postgresql",
  DatabaseUpgradeLog: "upgrade",
  DatabaseIamLog: "iam-db-auth-error",
} as const;

/**
 * An instance of the stage's own. SST's `Postgres` is not used: it puts a master password of its own making and a version
 * of a secret into the state, also when RDS manages the password.
 *
 * With its identifier fixed, nothing can be put in its place: a change that RDS cannot make to an instance ends in an
 * error, not in an empty database.
 */
export function declareInstance(
  settings: StageSettings,
  { vpcId, privateSubnetIds }: Network,
  { runningVersion, runningStorageGb, snapshotVersion }: FoundDatabase,
): Instance {
  const { protected: isProtected, database } = settings;
  const identifier = instanceIdentifier($app.stage);
  const group = createGroup({ name: "DatabaseGroup", vpcId, description: "Database", isKept: isProtected });
  const subnets = new aws.rds.SubnetGroup(
    "DatabaseSubnets",
    { name: identifier, description: `Private subnets of ${identifier}`, subnetIds: privateSubnetIds },
    { retainOnDelete: isProtected, deleteBeforeReplace: false },
  );
  const logs = Object.entries(logExports).map(([name, log]) =>
    declareLog({ name, logGroup: `/aws/rds/instance/${identifier}/${log}` }, settings),
  );
  const instance = new aws.rds.Instance(
    "DatabaseInstance",
    {
      identifier,
      engine: "postgres",
      engineVersion: firstVersion(database, snapshotVersion),
      instanceClass: `db.${database.instanceClass}`,
      ...origin(database),
      ...storage(database),
      ...access,
      ...upkeep(settings),
      // Only where the settings name the version that it is to leave.
      allowMajorVersionUpgrade: isMajorUpgrade(database, runningVersion),
      ...removal(identifier, settings),
      ...declareMonitoring(identifier, settings),
      dbSubnetGroupName: subnets.name,
      vpcSecurityGroupIds: [group.id],
      parameterGroupName: declareParameters(identifier, settings).name,
      enabledCloudwatchLogsExports: Object.values(logExports),
    },
    {
      protect: isProtected,
      retainOnDelete: isProtected,
      deleteBeforeReplace: false,
      ignoreChanges: ignoredChanges(database, runningVersion),
      dependsOn: logs,
    },
  );
  return {
    instanceId: instance.identifier,
    resourceId: instance.resourceId,
    host: instance.address,
    port: databasePort,
    name:
      database.restoreSnapshot !== undefined && database.name !== undefined
        ? $util.output(database.name)
        : instance.dbName,
    instanceClass: database.instanceClass,
    storageGb: Math.max(database.storageGb, runningStorageGb ?? 0),
    maxStorageGb: database.maxStorageGb,
    masterSecretArn: instance.masterUserSecrets.apply(managedSecret),
    groupId: group.id,
    ready: [instance],
  };
}

/** A snapshot brings its own database and its own master's name; RDS takes neither beside it. */
function origin({ restoreSnapshot, name }: StageSettings["database"]) {
  if (restoreSnapshot !== undefined) return { snapshotIdentifier: restoreSnapshot, manageMasterUserPassword: true };
  return { dbName: name ?? appName, username: masterName, manageMasterUserPassword: true };
}

/**
 * What a snapshot brings, where it is as new as wanted. The provider has RDS change to the version that is declared as soon
 * as the instance is there, and "17" alone may be an older minor one, to which RDS cannot go back.
 */
function firstVersion(database: StageSettings["database"], snapshotVersion: string | undefined): string {
  if (snapshotVersion === undefined) return database.version;
  return isNewEnough(database, snapshotVersion) ? snapshotVersion : database.version;
}

/**
 * From here on RDS stripes gp3, and takes no less than what comes with it for nothing; below it takes no such number at all. Where it
 * is not said, the provider sends the 3000 of before when storage is raised to here, which RDS refuses.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage
 */
const stripedFromGb = 400;
const stripedBaseline = { iops: 12_000, storageThroughput: 500 };

function storage({ storageGb, maxStorageGb }: StageSettings["database"]) {
  return {
    storageEncrypted: true,
    storageType: "gp3",
    allocatedStorage: storageGb,
    ...(storageGb >= stripedFromGb ? stripedBaseline : {}),
    // The provider then lets storage be that has grown. RDS refuses a maximum that is not above what is there.
    ...(maxStorageGb > storageGb ? { maxAllocatedStorage: maxStorageGb } : {}),
  };
}

const access = {
  port: databasePort,
  publiclyAccessible: false,
  iamDatabaseAuthenticationEnabled: true,
  // Signed by one of the roots that the functions bring; also what RDS takes when nothing is said.
  caCertIdentifier: "rds-ca-rsa2048-g1",
};

function upkeep({ protected: isProtected, database }: StageSettings) {
  return {
    multiAz: database.multiAz,
    backupRetentionPeriod: database.backupDays,
    copyTagsToSnapshot: true,
    // On a protected stage what interrupts service waits for the maintenance window.
    applyImmediately: !isProtected,
    autoMinorVersionUpgrade: true,
  };
}

/** The final snapshot has a fixed name: a second one is refused, and the instance with it, until the first has another. */
function removal(identifier: string, { protected: isProtected, database }: StageSettings) {
  const { finalSnapshot, deletionProtection } = database;
  return {
    deletionProtection,
    deleteAutomatedBackups: !isProtected,
    skipFinalSnapshot: !finalSnapshot,
    ...(finalSnapshot ? { finalSnapshotIdentifier: `${identifier}-final` } : {}),
  };
}

/**
 * - What only counts when the instance is made. RDS would make another one for it.
 * - The zone, which fails over.
 * - The version, where what runs is as new. It is never ignored where its family's parameters change with it.
 *
 * Storage is not ignored, though it grows by itself: the provider lets it be, and could not raise it otherwise.
 */
function ignoredChanges(database: StageSettings["database"], runningVersion: string | undefined): string[] {
  const atCreation = ["snapshotIdentifier", "username", "dbName", "availabilityZone"];
  const isKept = runningVersion !== undefined && isNewEnough(database, runningVersion);
  return isKept ? [...atCreation, "engineVersion"] : atCreation;
}

function managedSecret(secrets: readonly { readonly secretArn: string }[]): string {
  const [secret] = secrets;
  if (secret === undefined) throw new Error("RDS has made no secret for the master's password.");
  return secret.secretArn;
}
