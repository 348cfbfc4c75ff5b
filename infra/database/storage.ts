import type { StageSettings } from "../settings/schema.ts";

type Wanted = Pick<StageSettings["database"], "storageGb" | "maxStorageGb">;

/**
 * Why what runs cannot have the storage of the settings: it has grown past it, and RDS takes none away. RDS would refuse that in the
 * middle of a deploy. One that has come to its maximum is fine as it is. Pure.
 */
export function findStorageProblem({ storageGb, maxStorageGb }: Wanted, runningGb: number): string | undefined {
  if (maxStorageGb >= runningGb) return undefined;
  if (maxStorageGb > storageGb) {
    return `database.maxStorageGb: ${maxStorageGb}, but it has grown to ${runningGb}; expected a tenth above that, or more`;
  }
  return (
    `database.storageGb: ${storageGb}, which maxStorageGb does not let grow, but it has ${runningGb}; expected ${runningGb} ` +
    "or more for both, or a maxStorageGb above that"
  );
}
