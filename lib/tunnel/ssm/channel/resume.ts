import type { Clock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
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
  readonly onFailedAttempt: (error: PosternError, attempt: number) => void;
  readonly signal: AbortSignal;
};

const firstDelayMs = 100;
const maxDelayMs = 5000;

/**
 * Back to a session whose socket was lost, as often as it takes: without a network for an hour or with one that was changed,
 * the session may still be there.
 *
 * @throws PosternError `ssm.session-ended` where the session is gone; a reason that does not pass by waiting, such as a
 *   login that has expired. On abort it rejects with the signal's reason.
 */
export async function resumeSession<Connected>(
  steps: ResumeSteps<Connected>,
  { clock, sessionId, attempt: before, onFailedAttempt, signal }: ResumeOptions,
): Promise<Connected> {
  for (let attempt = before; ; attempt += 1) {
    await clock.sleep(delayBefore(attempt), signal);
    try {
      const token = await steps.fetchToken(signal);
      if (token !== undefined) return await steps.dial(token, signal);
    } catch (error) {
      signal.throwIfAborted();
      const failure = toPosternError(error);
      if (isLasting(failure.code)) throw failure;
      onFailedAttempt(failure, attempt + 1);
      continue;
    }
    throw new PosternError("ssm.session-ended", `The session ${sessionId} cannot be resumed: AWS knows it no more.`);
  }
}

/** The first at once; then 0.1 s to 5 s, by a random part less, so that many clients do not come at the same moment. */
export function delayBefore(attempt: number, random: () => number = Math.random): number {
  if (attempt === 0) return 0;
  return Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs) * (1 - random() / 2);
}
