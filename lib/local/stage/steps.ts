import { type Clock, elapsedMs } from "#lib/base/clock.ts";
import { type ErrorDocument, toPosternError } from "#lib/base/errors.ts";

export type StepName =
  | "database"
  | "bundles"
  | "functions"
  | "aws"
  | "setup"
  | "migrate"
  | "seed"
  | "health"
  | "tunnel"
  | "teardown";

/** One step that was done or failed, with the time it took. */
export type Step = {
  readonly name: StepName;
  readonly ok: boolean;
  readonly ms: number;
  readonly note?: string;
  readonly error?: ErrorDocument;
};

export type RunStep = <Value>(name: StepName, work: () => Promise<Value>, note?: string) => Promise<Value>;

/**
 * Runs steps and reports each when it has ended, unless it was called off: that is no result of the step.
 *
 * @param explain what to make of an error before it is reported; default: nothing
 */
export function createStepRunner(
  clock: Clock,
  onStep: (step: Step) => void,
  explain: (error: unknown) => Promise<unknown> = async (error) => error,
): RunStep {
  return async (name, work, note) => {
    const startMs = clock.nowMs();
    const noted = note === undefined ? {} : { note };
    try {
      const value = await work();
      onStep({ name, ok: true, ms: elapsedMs(clock, startMs), ...noted });
      return value;
    } catch (error) {
      const known = toPosternError(await explain(error));
      if (known.code !== "aborted") {
        onStep({ name, ok: false, ms: elapsedMs(clock, startMs), ...noted, error: known.toDocument() });
      }
      throw known;
    }
  };
}

/**
 * Waits for all of them, also when one fails: then the others are called off, and the failure that caused it is thrown.
 * So nothing goes on behind the caller's back.
 */
export async function allOrCallOff(work: readonly Promise<unknown>[], callOff: AbortController): Promise<void> {
  let first: { readonly error: unknown } | undefined;
  await Promise.all(
    work.map(async (one) => {
      try {
        await one;
      } catch (error) {
        first ??= { error };
        callOff.abort();
      }
    }),
  );
  if (first !== undefined) throw first.error;
}
