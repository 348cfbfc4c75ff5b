import type { Clock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import { withDeadline } from "../../deadline.ts";
import type { SessionApi } from "../session/session-api.ts";

export type TerminateOptions = {
  readonly sessionId: string;
  readonly api: Pick<SessionApi, "terminate">;
  readonly clock: Clock;
  readonly log: Log;
};

const withinMs = 2000;

/** TerminateSession, within 2 s. Never rejects: a session that stays ends by its own limits. */
export async function terminateSession({ sessionId, api, clock, log }: TerminateOptions): Promise<void> {
  const context = { clock, signal: new AbortController().signal, late };
  try {
    await withDeadline(withinMs, context, async (stop) => api.terminate(sessionId, stop));
  } catch (error) {
    const { code, message } = toPosternError(error);
    log.warn("the session could not be terminated", { session: sessionId, code, why: message });
  }
}

function late(): PosternError {
  return new PosternError("tcp.timeout", `There was no answer within ${withinMs / 1000} s.`);
}
