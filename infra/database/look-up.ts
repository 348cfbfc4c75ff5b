import { instanceIdentifier } from "#lib/contract.ts";
import type { StageSettings } from "../settings/schema.ts";
import { findAdoptionProblems } from "./adopted.ts";
import { findVersionProblem } from "./versions.ts";

/** What RDS has already of a stage's database. */
export type FoundDatabase = {
  /** With `database.adopt`. */
  readonly adopted?: aws.rds.GetInstanceResult;
  /** Version of the stage's own instance, as `17.6`; undefined before it is made. */
  readonly runningVersion?: string;
};

type Answer = { readonly found: FoundDatabase; readonly problems: readonly string[] };

/** Asks RDS before anything is declared. */
export async function lookUpDatabase(settings: StageSettings): Promise<Answer> {
  const { adopt } = settings.database;
  if (adopt !== undefined) {
    const adopted = await aws.rds.getInstance({ dbInstanceIdentifier: adopt });
    return { found: { adopted }, problems: await findAdoptionProblems(adopted, settings) };
  }
  const runningVersion = await findRunningVersion(instanceIdentifier($app.stage));
  if (runningVersion === undefined) return { found: {}, problems: [] };
  const problem = findVersionProblem(settings.database, runningVersion);
  return { found: { runningVersion }, problems: problem === undefined ? [] : [problem] };
}

/** Listed, because looking up one that is not there is an error. */
async function findRunningVersion(identifier: string): Promise<string | undefined> {
  const { instanceIdentifiers } = await aws.rds.getInstances({
    filters: [{ name: "db-instance-id", values: [identifier] }],
  });
  if (!instanceIdentifiers.includes(identifier)) return undefined;
  const { engineVersion } = await aws.rds.getInstance({ dbInstanceIdentifier: identifier });
  return engineVersion;
}
