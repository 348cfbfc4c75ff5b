import { instanceIdentifier } from "#lib/contract.ts";
import type { StageSettings } from "../settings/schema.ts";
import { findAdoptionProblems } from "./adoption-problems.ts";
import { findMasterKey } from "./master-key.ts";
import { findRenamedDatabase } from "./name.ts";
import { findOfferProblems } from "./offers.ts";
import { findPlaceProblem } from "./place.ts";
import { lookUpSnapshot } from "./snapshot.ts";
import { findStorageProblem } from "./storage.ts";
import { findVersionProblem } from "./versions.ts";

/** What RDS has already of a stage's database. */
export type FoundDatabase = {
  /** With `database.adopt`. */
  readonly adopted?: aws.rds.GetInstanceResult;
  /** ARN of the account's own key that encrypts the master's secret of what is adopted; undefined with AWS's own. */
  readonly masterKeyArn?: string | undefined;
  /** Version of the stage's own instance, as `17.6`; undefined before it is made. */
  readonly runningVersion?: string;
  /** What the stage's own instance has grown to; undefined before it is made. */
  readonly runningStorageGb?: number;
  /** Version of the snapshot that the stage's own instance is made from in this deploy. */
  readonly snapshotVersion?: string | undefined;
};

type Answer = { readonly found: FoundDatabase; readonly problems: readonly string[] };

/** Asks RDS before anything is declared. */
export async function lookUpDatabase(settings: StageSettings): Promise<Answer> {
  const { adopt, restoreSnapshot } = settings.database;
  if (adopt !== undefined) return lookUpAdopted(adopt, settings);
  const running = await findRunning(instanceIdentifier($app.stage));
  if (running === undefined) {
    if (restoreSnapshot === undefined) {
      return { found: {}, problems: await findOfferProblems(settings.database, undefined) };
    }
    const { version, problems } = await lookUpSnapshot(restoreSnapshot, settings.database);
    const offered = await findOfferProblems(settings.database, version === undefined ? undefined : { version });
    return { found: { snapshotVersion: version }, problems: [...problems, ...offered] };
  }
  // The snapshot has done its part, and may be gone.
  const problems = [
    await findPlaceProblem($app.stage, settings.network, await findVpc(running)),
    findVersionProblem(settings.database, running.engineVersion),
    findStorageProblem(settings.database, running.allocatedStorage),
    findRenamedDatabase(settings.database, running.dbName),
    ...(await findOfferProblems(settings.database, {
      version: running.engineVersion,
      instanceClass: running.dbInstanceClass,
    })),
  ];
  const found = { runningVersion: running.engineVersion, runningStorageGb: running.allocatedStorage };
  return { found, problems: problems.filter((problem) => problem !== undefined) };
}

async function lookUpAdopted(identifier: string, settings: StageSettings): Promise<Answer> {
  const key = `database.adopt: ${identifier}`;
  const own = instanceIdentifier($app.stage);
  if ((await findRunning(own)) !== undefined) {
    const problem = `${key}, but the stage has an instance of its own, ${own}, which the deploy would delete; expected another stage`;
    return { found: {}, problems: [problem] };
  }
  const adopted = await lookUpInstance(identifier);
  if (typeof adopted === "string") return { found: {}, problems: [adopted] };
  const problems = findAdoptionProblems(adopted, await findVpc(adopted), settings);
  if (problems.length > 0) return { found: { adopted }, problems: [`${key}: ${problems.join("; ")}`] };
  try {
    return { found: { adopted, masterKeyArn: await findMasterKey(adopted) }, problems: [] };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const problem = `${key}: the key of its master's secret could not be looked up (${reason}); whoever deploys needs kms:DescribeKey on it`;
    return { found: { adopted }, problems: [problem] };
  }
}

async function findVpc({ dbSubnetGroup }: aws.rds.GetInstanceResult): Promise<string | undefined> {
  if (dbSubnetGroup === "") return undefined;
  const { vpcId } = await aws.rds.getSubnetGroup({ name: dbSubnetGroup });
  return vpcId;
}

/** @returns the instance, or why there is none */
async function lookUpInstance(identifier: string): Promise<aws.rds.GetInstanceResult | string> {
  try {
    return await aws.rds.getInstance({ dbInstanceIdentifier: identifier });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return (
      `database.adopt: ${identifier}: there is no such instance in this region, or it could not be looked up (${reason}); ` +
      "expected the identifier of one, as aws rds describe-db-instances lists it"
    );
  }
}

/** Listed, because looking up one that is not there is an error. */
async function findRunning(identifier: string): Promise<aws.rds.GetInstanceResult | undefined> {
  const { instanceIdentifiers } = await aws.rds.getInstances({
    filters: [{ name: "db-instance-id", values: [identifier] }],
  });
  if (!instanceIdentifiers.includes(identifier)) return undefined;
  return aws.rds.getInstance({ dbInstanceIdentifier: identifier });
}
