import type { Clock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import { backOffMs } from "../../back-off.ts";
import type { Interruptible } from "../../interruptible.ts";
import { isLasting } from "../../transport.ts";

export type ResumeSteps<Connected> = {
  /** ResumeSession; undefined: there is no such session any more. */
  readonly fetchToken: (signal: AbortSignal) => Promise<string | undefined>;
  readonly dial: (token: string, signal: AbortSignal) => Promise<Connected>;
};

export type ResumeOptions = {
  readonly clock: Clock;
  readonly sessionId: string;
  /** Tries before this one that came to nothing, also sockets that closed before they brought anything. */
  readonly attempt: number;
  /** Somebody waits for what the session is to carry. */
  readonly isAwaited: () => boolean;
  /** Of its own; nudged when somebody begins to wait. */
  readonly pauses: Interruptible;
  readonly log: Log;
  readonly signal: AbortSignal;
};

const delays = { initialDelayMs: 100, maxDelayMs: 5000 } as const;

/**
 * Back to a session whose socket was lost, as often as it takes: without a network for an hour or with one that was changed,
 * the session may still be there. While somebody waits for it the pauses are short (back-off.ts), since whoever has a network
 * again wants an answer within the second.
 *
 * @throws PosternError `ssm.session-ended` where the session is gone; a reason that does not pass by waiting, such as a
 *   login that has expired; `stage.not-running`. On abort it rejects with the signal's reason.
 */
export async function resumeSession<Connected>(
  steps: ResumeSteps<Connected>,
  options: ResumeOptions,
): Promise<Connected> {
  const { clock, sessionId, attempt: before, log, signal } = options;
  const lostMs = clock.nowMs();
  for (let attempt = before; ; attempt += 1) {
    await pauseBefore(attempt, clock.nowMs() - lostMs, options);
    signal.throwIfAborted();
    try {
      const token = await steps.fetchToken(signal);
      if (token !== undefined) return await steps.dial(token, signal);
    } catch (error) {
      signal.throwIfAborted();
      const failure = toPosternError(error);
      // A local stage's sessions end with it: the next one has others.
      if (isLasting(failure.code) || failure.code === "stage.not-running") throw failure;
      const { code, message: why } = failure;
      log.info("the session could not be resumed yet", { session: sessionId, attempt: attempt + 1, code, why });
      continue;
    }
    throw new PosternError("ssm.session-ended", `The session ${sessionId} cannot be resumed: AWS knows it no more.`);
  }
}

/** Ends on abort, too. */
async function pauseBefore(attempt: number, outageMs: number, options: ResumeOptions): Promise<void> {
  const { clock, isAwaited, pauses, signal } = options;
  const startMs = clock.nowMs();
  const random = Math.random();
  const stop = () => pauses.nudge();
  signal.addEventListener("abort", stop, { once: true });
  while (!signal.aborted) {
    const delayMs = delayBefore({ attempt, isAwaited: isAwaited(), outageMs }, random);
    const leftMs = startMs + delayMs - clock.nowMs();
    if (leftMs <= 0) break;
    await pauses.pause(leftMs, clock);
  }
  signal.removeEventListener("abort", stop);
}

export type ComingAttempt = { readonly attempt: number; readonly isAwaited?: boolean; readonly outageMs?: number };

/** The first at once; then 0.1 s to 5 s, by a random part less, so that many clients do not come at the same moment. */
export function delayBefore(coming: ComingAttempt, random: number = Math.random()): number {
  const { attempt, isAwaited = false, outageMs = 0 } = coming;
  return attempt === 0 ? 0 : backOffMs({ failures: attempt, isAwaited, outageMs }, random, delays);
}
