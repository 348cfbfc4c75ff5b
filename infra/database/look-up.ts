import type { StageSettings } from "../settings/schema.ts";
import { findAdoptionProblems } from "./adopted.ts";

/** What RDS has already of a stage's database. */
export type FoundDatabase = {
  /** With `database.adopt`. */
  readonly adopted?: aws.rds.GetInstanceResult;
};

type Answer = { readonly found: FoundDatabase; readonly problems: readonly string[] };

/** Asks RDS before anything is declared. */
export async function lookUpDatabase(settings: StageSettings): Promise<Answer> {
  const { adopt } = settings.database;
  if (adopt === undefined) return { found: {}, problems: [] };
  const adopted = await aws.rds.getInstance({ dbInstanceIdentifier: adopt });
  return { found: { adopted }, problems: await findAdoptionProblems(adopted, settings) };
}
