import type { RepairFinding, RepairNatResult, RepairStep } from "./result.ts";
import type { RepairFacts } from "./facts.ts";

/** What is to be done, what only somebody else can do, and what differs and is left as it is. */
export type RepairPlan = {
  readonly steps: readonly RepairStep[];
  readonly unmended: RepairNatResult["unmended"];
  readonly left: RepairNatResult["left"];
};

/** A plan while it is made. */
export type Draft = { steps: RepairStep[]; unmended: RepairFinding[]; left: { resource: string; message: string }[] };

/**
 * What makes a part that is not there. A deploy alone would not notice: it compares with its own state, which still has the
 * part; `sst refresh` takes it out.
 */
export function redeploy({ manifest: { stage } }: RepairFacts): string {
  return `npx sst refresh --stage ${stage}, then npx sst deploy --stage ${stage}`;
}
