import type { RepairFinding, RepairNatResult, RepairStep } from "./result.ts";

/** What is to be done, what only somebody else can do, and what differs and is left as it is. */
export type RepairPlan = {
  readonly steps: readonly RepairStep[];
  readonly unmended: RepairNatResult["unmended"];
  readonly left: RepairNatResult["left"];
};

/** A plan while it is made. */
export type Draft = { steps: RepairStep[]; unmended: RepairFinding[]; left: { resource: string; message: string }[] };
