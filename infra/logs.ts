import type { StageSettings } from "./settings/schema.ts";

/** A year where it matters, and then it stays when the stage is removed: who did what is asked afterwards. Else a month. */
export function createLog(
  name: string,
  physicalName: string,
  { protected: isProtected }: StageSettings,
): aws.cloudwatch.LogGroup {
  return new aws.cloudwatch.LogGroup(
    name,
    { name: physicalName, retentionInDays: isProtected ? 365 : 30 },
    { retainOnDelete: isProtected },
  );
}
