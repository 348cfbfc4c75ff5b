import type { Clock } from "#lib/base/clock.ts";
import { toPosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
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
  const tooLate = new AbortController();
  const done = new AbortController();
  const call = async () => {
    try {
      await api.terminate(sessionId, tooLate.signal);
    } catch (error) {
      const { code, message } = toPosternError(error);
      log.warn("the session could not be terminated", { session: sessionId, code, why: message });
    } finally {
      done.abort();
    }
  };
  const limit = async () => {
    await clock.sleep(withinMs, done.signal).catch(() => undefined);
    tooLate.abort();
  };
  await Promise.all([call(), limit()]);
}
