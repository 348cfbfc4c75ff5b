import { type Clock, elapsedMs } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { AppliedRepairStep, RepairKind, RepairStep } from "./result.ts";
import type { Act } from "./actions.ts";
import type { RepairFacts } from "./facts.ts";
import { planRepair } from "./plan.ts";
import { describeStep, isDone, isReady, isSameStep } from "./progress.ts";

export type ApplyOptions = {
  /** As they were shown. */
  readonly steps: readonly RepairStep[];
  readonly readFacts: () => Promise<RepairFacts>;
  readonly act: Act;
  readonly onStep: (step: RepairStep) => void;
  readonly clock: Clock;
  /** Heard between calls to AWS, never in one. */
  readonly signal: AbortSignal;
};

export type Applied = {
  readonly applied: readonly AppliedRepairStep[];
  /** Why not all of it was done. It says what was, and what was not. */
  readonly error?: PosternError;
};

const pollMs = 2000;

/** How long AWS may take until it says that a step took effect; a stop that is under way takes as long as a start. */
const limitsMs: Readonly<Record<RepairKind, number>> = {
  "start-instance": 300_000,
  "associate-address": 60_000,
  "turn-off-source-dest-check": 60_000,
  "create-route": 60_000,
  "replace-route": 60_000,
  "reboot-instance": 300_000,
};

/**
 * Does the steps of a plan, one after the other. For each:
 *
 * 1. Reads the facts anew, and plans anew. What is left to do has to be what was shown, else nothing more is done
 *    (`repair.changed`): somebody, or AWS, has changed something meanwhile. The same until AWS can take the step.
 * 2. Makes the call.
 * 3. Waits until AWS says that it took effect.
 *
 * After a failure, or a signal, what was done stays, no call is under way, and nothing behind it was begun. To plan and apply
 * again goes on from there, also after kill -9.
 */
export async function applyRepair(options: ApplyOptions): Promise<Applied> {
  const { steps, onStep, act, clock, signal } = options;
  const applied: AppliedRepairStep[] = [];
  for (const [index, step] of steps.entries()) {
    const startMs = clock.nowMs();
    const left = steps.slice(index);
    let isBegun = false;
    try {
      signal.throwIfAborted();
      onStep(step);
      const facts = await waitUntil(step, options, (found) => {
        refuseChanged(left, found);
        return isReady(step, found);
      });
      isBegun = true;
      await act(step, facts);
      await waitUntil(step, options, (found) => isDone(step, found));
    } catch (error) {
      return { applied, error: explain(error, { done: applied, left, isBegun }) };
    }
    applied.push({ ...step, ms: elapsedMs(clock, startMs) });
  }
  return { applied };
}

/** A reboot may come new where all else is done before it; it was not shown, and is not done. */
function refuseChanged(expected: readonly RepairStep[], facts: RepairFacts): void {
  const isExpected = (step: RepairStep) => expected.some((one) => isSameStep(one, step));
  const found = planRepair(facts).steps.filter((step) => step.kind !== "reboot-instance" || isExpected(step));
  if (found.length === expected.length && found.every(isExpected)) return;
  throw new PosternError(
    "repair.changed",
    `Something has changed since the plan was made: it had ${list(expected)}; now it would be ${list(found)}.`,
  );
}

async function waitUntil(
  { kind }: RepairStep,
  { readFacts, clock, signal }: ApplyOptions,
  isSo: (facts: RepairFacts) => boolean,
): Promise<RepairFacts> {
  const startMs = clock.nowMs();
  for (;;) {
    const facts = await readFacts();
    if (isSo(facts)) return facts;
    if (clock.nowMs() - startMs >= limitsMs[kind]) {
      throw new PosternError("repair.failed", `AWS did not show it within ${limitsMs[kind] / 60_000} minutes.`);
    }
    await clock.sleep(pollMs, signal);
  }
}

type Progress = {
  readonly done: readonly RepairStep[];
  /** The one that failed first. */
  readonly left: readonly RepairStep[];
  /** Whether AWS was asked for that one. */
  readonly isBegun: boolean;
};

function explain(error: unknown, { done, left, isBegun }: Progress): PosternError {
  const { code, message, hint } = toPosternError(error);
  const [step] = left;
  const where = step === undefined ? "" : `Step ${done.length + 1} of ${done.length + left.length}, ${list([step])}: `;
  const begun = isBegun ? " That one was asked of AWS, and was not seen to be done." : "";
  const text = `${where}${message}${begun} Done: ${list(done)}. Not begun: ${list(isBegun ? left.slice(1) : left)}.`;
  const goOn = "What was done stays. Run it again: it goes on from there.";
  return new PosternError(code, text, { hint: code === "aborted" ? goOn : hint, cause: error });
}

function list(steps: readonly RepairStep[]): string {
  return steps.length === 0 ? "nothing" : steps.map(describeStep).join(", ");
}
