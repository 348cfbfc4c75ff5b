import type { Clock } from "#lib/base/clock.ts";
import type { Link } from "./transport.ts";

/** Those who wait for a link. */
export class WaitingRoom {
  readonly #clock: Clock;
  /** With when each began, the oldest first. */
  readonly #waiting = new Map<PromiseWithResolvers<Link>, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** For how long the first of them has waited; undefined while there is none. */
  get awaitedMs(): number | undefined {
    const [sinceMs] = this.#waiting.values();
    return sinceMs === undefined ? undefined : this.#clock.nowMs() - sinceMs;
  }

  /** Until there is a link, or none to wait for any more; on abort it rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    const waiter = Promise.withResolvers<Link>();
    const abort = () => waiter.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#waiting.set(waiter, this.#clock.nowMs());
    try {
      return await waiter.promise;
    } finally {
      this.#waiting.delete(waiter);
      signal.removeEventListener("abort", abort);
    }
  }

  admit(link: Link): void {
    for (const waiter of this.#waiting.keys()) waiter.resolve(link);
  }

  turnAway(error: Error): void {
    for (const waiter of this.#waiting.keys()) waiter.reject(error);
  }
}
