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

/** Several stacks for each account, and for each environment: a template without a bucket may have 51,200 bytes. */
export function stackName(account: string, purpose: "people" | "ci" | "audit", environment?: string): string {
  const ofAccount = `${appName}-${baselineName}-${account}`;
  if (purpose === "people") return ofAccount;
  return environment === undefined ? `${ofAccount}-${purpose}` : `${ofAccount}-${purpose}-${environment}`;
}

/** Of all that an account may have. */
export function stackNames({ name, environments }: { readonly name: string; readonly environments: object }): string[] {
  return [
    ...(["people", "ci", "audit"] as const).map((purpose) => stackName(name, purpose)),
    ...Object.keys(environments).map((environment) => stackName(name, "ci", environment)),
  ];
}

/** Of the jobs of an environment. */
export function ciRoleName(environment: string): string {
  return `${appName}-${baselineName}-ci-${environment}`;
}

/** How CloudFormation's names in the stack of an environment begin, which take letters and digits: `ProductionMigrate`. */
export function environmentId(environment: string): string {
  return environment.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}
