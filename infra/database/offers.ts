import type { StageSettings } from "../settings/schema.ts";
import { isNewEnough } from "./versions.ts";

type Present = { readonly version: string; readonly instanceClass?: string };

/**
 * Why RDS would not make the instance that the settings describe, or not change the one that runs into it. What runs is
 * never asked for: RDS may offer it no longer.
 *
 * @param present what runs, or what a snapshot brings
 */
export async function findOfferProblems(
  database: StageSettings["database"],
  present: Present | undefined,
): Promise<string[]> {
  const isKept = present !== undefined && isNewEnough(database, present.version);
  const version = isKept ? { found: present.version } : await lookUpVersion(database.version);
  if ("problem" in version) return [version.problem];
  const instanceClass = `db.${database.instanceClass}`;
  if (present?.instanceClass === instanceClass) return [];
  try {
    // With one preferred version the provider takes any offer of it, one of several kinds of storage or zones.
    const preferredEngineVersions = [version.found];
    await aws.rds.getOrderableDbInstance({ engine: "postgres", instanceClass, preferredEngineVersions });
    return [];
  } catch (cause) {
    return [
      `database.instanceClass: ${database.instanceClass}; RDS does not offer it for PostgreSQL ${version.found} in this region, ` +
        `or it could not be looked up (${reasonOf(cause)}); expected a class as aws rds describe-orderable-db-instance-options ` +
        `--engine postgres --engine-version ${version.found} lists it, without db.`,
    ];
  }
}

/** @returns the newest version that is meant, as `17.6` by `17` */
async function lookUpVersion(wanted: string): Promise<{ readonly found: string } | { readonly problem: string }> {
  try {
    const { versionActual } = await aws.rds.getEngineVersion({ engine: "postgres", version: wanted, latest: true });
    return { found: versionActual };
  } catch (cause) {
    return {
      problem:
        `database.version: ${wanted}; RDS has no such version of PostgreSQL in this region, or it could not be looked up ` +
        `(${reasonOf(cause)}); expected one that aws rds describe-db-engine-versions --engine postgres lists, or a major one alone`,
    };
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
