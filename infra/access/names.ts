import { appName } from "#lib/contract.ts";

/**
 * Names of what this app makes, which permission sets and people's profiles refer to. They begin with a capital, so that no
 * stage's own names (`postern-<stage>-…`) can be one of them.
 */
export const policyNames = {
  developer: "PosternDeveloper",
  operator: "PosternOperator",
  migrate: "PosternMigrate",
  longRun: "PosternLongRun",
  doctor: "PosternDoctor",
  repairNat: "PosternRepairNat",
} as const;

export function breakGlassRoleName(stage: string): string {
  return `PosternBreakGlass-${stage}`;
}

/** A stage of this name would have what the baseline has: `postern-access-…`. */
export const baselineName = "access";

/** Of the jobs of an environment. */
export function ciRoleName(environment: string): string {
  return `${appName}-${baselineName}-ci-${environment}`;
}

/** What an environment is called in CloudFormation's names, which take letters and digits: `ProductionMigrate`. */
export function environmentId(environment: string): string {
  return environment.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}
