import { createHash } from "node:crypto";
import type { Manifest } from "#lib/contract.ts";
import type { RepairStep } from "./result.ts";

/**
 * Names exactly what would be done, to which stage, and whom it cuts. Pure. Not in it: why, which changes nothing, and what is
 * not mended.
 */
export function hashRepairPlan(steps: readonly RepairStep[], { stage, region }: Manifest): string {
  const hash = createHash("sha256");
  hash.update(`repair-nat\0${region}\0${stage}\n`);
  for (const { kind, resource, from, to, cuts = "" } of steps) {
    hash.update(`${kind}\0${resource}\0${from}\0${to}\0${cuts}\n`);
  }
  return hash.digest("hex");
}
