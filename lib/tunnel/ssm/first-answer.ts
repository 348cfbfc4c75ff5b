import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { DataChannel } from "./channel/data-channel.ts";

export type FirstAnswerOptions = {
  readonly clock: Clock;
  /** For people: "db.internal:5432". */
  readonly destination: string;
  readonly answerWithinMs?: number;
  readonly counts: () => { readonly bytesUp: number; readonly bytesDown: number };
};

/** Sooner than the 4 s after which the supervisor gives up its first question, which would know no more than silence. */
const defaultAnswerWithinMs = 3000;
const lookEveryMs = 200;

/**
 * Ends a session whose first stream was spoken to and that has never brought a byte. The agent announces neither a host
 * that it cannot resolve nor a connection that gets no answer; what it does with our messages tells them apart:
 *
 * - it acknowledges none: it gave up after its handshake, as it does when the host does not resolve;
 * - it acknowledges them: they wait for a connection that nobody answers.
 *
 * PostgreSQL answers the first bytes of a connection at once, so that silence means this and nothing else. A session that
 * has brought something once is not looked at again.
 */
export async function failUnanswered(channel: DataChannel, options: FirstAnswerOptions): Promise<void> {
  const { clock, destination, counts, answerWithinMs = defaultAnswerWithinMs } = options;
  const stop = new AbortController();
  void channel.ended.then(() => stop.abort());
  let sinceMs = clock.nowMs();
  let saidBytes = 0;
  while (await slept(clock, stop.signal)) {
    const { bytesUp, bytesDown } = counts();
    if (bytesDown > 0) return;
    // As long as more goes up, somebody takes it.
    if (bytesUp !== saidBytes || bytesUp === 0 || channel.state !== "live") sinceMs = clock.nowMs();
    saidBytes = bytesUp;
    const silentMs = clock.nowMs() - sinceMs;
    if (silentMs < answerWithinMs) continue;
    const seconds = answerWithinMs / 1000;
    const isIgnored = channel.stuckMs > answerWithinMs / 2;
    channel.fail(
      isIgnored
        ? new PosternError(
            "ssm.host-unresolved",
            `The bastion takes nothing for ${destination} (${seconds} s): its agent does so when it cannot resolve the host name.`,
          )
        : new PosternError("ssm.no-answer", `Nothing answers the bastion at ${destination} (${seconds} s).`),
    );
    return;
  }
}

async function slept(clock: Clock, signal: AbortSignal): Promise<boolean> {
  return clock.sleep(lookEveryMs, signal).then(
    () => true,
    () => false,
  );
}
