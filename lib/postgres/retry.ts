import { ExponentialBackoff, type IBackoff } from "cockatiel";
import type { Clock } from "#lib/base/clock.ts";
import { isRetryable } from "./errors.ts";

export type RetryPolicy = {
  /** The first one included. Default 4. */
  readonly maxAttempts?: number;
  /** Scale of the first wait; the later ones double, each with jitter. Default 100. */
  readonly initialDelayMs?: number;
  /** No wait is longer. Default 2000. */
  readonly maxDelayMs?: number;
};

const defaults = Object.freeze({ maxAttempts: 4, initialDelayMs: 100, maxDelayMs: 2000 });

/**
 * Runs `attempt` again while it fails with what the fault table (faults.ts) marks as worth repeating, waiting with
 * decorrelated jitter in between. `attempt` must be harmless to repeat. An abort ends the wait with the signal's reason.
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy | false,
  context: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  if (policy === false) return await attempt();
  const maxAttempts = policy.maxAttempts ?? defaults.maxAttempts;
  // Only cockatiel's waits are used: its own loop cannot be woken by a signal, nor driven by a clock that is passed in.
  let backoff: IBackoff<unknown> = new ExponentialBackoff({
    initialDelay: policy.initialDelayMs ?? defaults.initialDelayMs,
    maxDelay: policy.maxDelayMs ?? defaults.maxDelayMs,
  }).next();
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (attempts >= maxAttempts || !isRetryable(error)) throw error;
    }
    backoff = backoff.next(undefined);
    await context.clock.sleep(backoff.duration, context.signal);
  }
}
