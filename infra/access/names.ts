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
