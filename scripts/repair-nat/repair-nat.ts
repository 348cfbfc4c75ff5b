import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { openRepairActions } from "#lib/repair-nat/actions.ts";
import { applyRepair } from "#lib/repair-nat/apply.ts";
import { readRepairFacts } from "#lib/repair-nat/facts.ts";
import { hashRepairPlan } from "#lib/repair-nat/plan-hash.ts";
import { planRepair } from "#lib/repair-nat/plan.ts";
import { describeStep } from "#lib/repair-nat/progress.ts";
import type { RepairNatResult } from "#lib/repair-nat/result.ts";
import { verifyRepair, type VerifyOptions } from "./verify.ts";

export type RepairNatOptions = VerifyOptions & {
  readonly yes: boolean;
  /** Hash of the plan that somebody has read. */
  readonly approve: string | undefined;
};

/**
 * Mends a stage's network, or says what it would do:
 *
 * 1. Reads the facts and plans.
 * 2. Without a step, without --yes and without --approve that is all.
 * 3. Where it was approved: only exactly that plan. On a protected stage nothing else is done.
 * 4. Does the steps, one after the other (`applyRepair`).
 * 5. Waits for the agents, plans anew, asks the doctor what AWS's control plane says, and walks through the tunnel to a query.
 *
 * After a failure what was done stays, and the result says what that was. The same command goes on from there; with --approve it
 * takes the hash of the rest, which a new plan shows.
 *
 * @throws PosternError `repair.changed` for another plan than the approved one, `repair.unapproved`, `aws.*` where nothing could
 * be read
 */
export async function repairNat(options: RepairNatOptions): Promise<RepairNatResult> {
  const { target, yes, approve, clock, context } = options;
  const { manifest, access } = target;
  const { output, signal } = context;
  const readFacts = async () => readRepairFacts(manifest, { access, signal, clock });
  const { steps: plan, unmended, left } = planRepair(await readFacts());
  const planHash = hashRepairPlan(plan, manifest);
  const found = { plan, planHash, applied: [], unmended, left };
  if (plan.length === 0 || (!yes && approve === undefined)) return found;
  refuseUnapproved(planHash, options);

  using actions = openRepairActions(access);
  const { applied, error } = await applyRepair({
    steps: plan,
    readFacts,
    act: actions.act,
    onStep: (step) => output.note(`${describeStep(step)} …`),
    clock,
    signal,
  });
  if (error !== undefined) return { ...found, applied, error: error.toDocument() };
  try {
    return { ...found, applied, verified: await verifyRepair(options, readFacts) };
  } catch (cause) {
    const { code, message, hint } = toPosternError(cause);
    const text = `All steps were done, and not verified: ${message}`;
    return { ...found, applied, error: new PosternError(code, text, { hint }).toDocument() };
  }
}

function refuseUnapproved(planHash: string, { approve, target }: RepairNatOptions): void {
  const { stage, protected: isProtected } = target.manifest;
  if (approve === undefined && isProtected) {
    throw new PosternError("repair.unapproved", `${stage} is a protected stage: --yes is not enough to change it.`);
  }
  if (approve !== undefined && approve !== planHash) {
    const changed = `Plan ${approve.slice(0, 12)}… was approved, but what would be done is plan ${planHash.slice(0, 12)}….`;
    throw new PosternError("repair.changed", changed);
  }
}
