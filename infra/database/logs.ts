import type { StageSettings } from "../settings/schema.ts";

const retentionDays = { protected: 90, other: 14 } as const;

type LogOptions = {
  /** Logical name; begins with `Database`. */
  readonly name: string;
  /** What RDS calls the group. */
  readonly logGroup: string;
  /** Stays when a protected stage is removed. Default: true. */
  readonly isKept?: boolean;
};

/** RDS makes the groups that it writes to by itself, if they are not there, and such a group is kept, and paid, for ever. */
export function declareLog(
  { name, logGroup, isKept = true }: LogOptions,
  { protected: isProtected }: StageSettings,
): aws.cloudwatch.LogGroup {
  const retentionInDays = isProtected ? retentionDays.protected : retentionDays.other;
  return new aws.cloudwatch.LogGroup(
    name,
    { name: logGroup, retentionInDays },
    { retainOnDelete: isProtected && isKept },
  );
}
