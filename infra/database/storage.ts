import type { StageSettings } from "../settings/schema.ts";

type Wanted = Pick<StageSettings["database"], "storageGb" | "maxStorageGb">;

/**
 * Why what runs cannot have the maximum of the settings: it has grown past it. RDS would refuse that in the middle of a
 * deploy. One that has come to its maximum is fine as it is. Pure.
 */
export function findStorageProblem({ storageGb, maxStorageGb }: Wanted, runningGb: number): string | undefined {
  if (maxStorageGb <= storageGb || maxStorageGb >= runningGb) return undefined;
  return `database.maxStorageGb: ${maxStorageGb}, but it has grown to ${runningGb}; expected a tenth above that, or more`;
}
