import type { Clock } from "#lib/base/clock.ts";

export type LivenessTimes = {
  /** Default 20 s. */
  readonly pingIntervalMs?: number;
  /** Default 10 s. */
  readonly pongDeadlineMs?: number;
};

export type Liveness = LivenessTimes & {
  readonly clock: Clock;
  readonly ping: () => void;
  /** By the clock: when something came last. */
  readonly heardAtMs: () => number;
  /** True once a socket of this session has answered a ping. */
  readonly hasPonged: () => boolean;
  /** False while nothing is read: no pong can come then. */
  readonly isReading: () => boolean;
};

const defaults = { pingIntervalMs: 20_000, pongDeadlineMs: 10_000 } as const;

/**
 * Resolves when the other end of a socket has fallen silent: a ping was sent, and within the deadline nothing came, be it
 * a pong or anything else. The first ping goes out at once. A service that has never answered one (RFC 6455 demands it, but
 * what AWS's gateway does is not documented) is not judged by it. Rejects on abort.
 */
export async function untilSilent(liveness: Liveness, signal: AbortSignal): Promise<void> {
  const { clock, pingIntervalMs = defaults.pingIntervalMs, pongDeadlineMs = defaults.pongDeadlineMs } = liveness;
  for (;;) {
    const pingedAtMs = clock.nowMs();
    liveness.ping();
    await clock.sleep(pongDeadlineMs, signal);
    const isSilent = () => liveness.heardAtMs() < pingedAtMs && liveness.hasPonged() && liveness.isReading();
    if (isSilent()) {
      // This process may have been the one that slept: what came meanwhile is read first.
      await clock.sleep(pongDeadlineMs / 10, signal);
      if (isSilent()) return;
    }
    await clock.sleep(Math.max(0, pingIntervalMs - pongDeadlineMs), signal);
  }
}
