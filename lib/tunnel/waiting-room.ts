import type { Clock } from "#lib/base/clock.ts";
import type { Link } from "./transport.ts";

/** Those who wait for a link, and those who wait for the database's first answer through one. */
export class WaitingRoom {
  readonly #clock: Clock;
  /** When each began, the oldest first. */
  readonly #since = new Map<symbol, number>();
  readonly #forLink = new Set<PromiseWithResolvers<Link>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#since.size === 0;
  }

  /** For how long the first of them has waited; undefined while there is none. */
  get awaitedMs(): number | undefined {
    const [sinceMs] = this.#since.values();
    return sinceMs === undefined ? undefined : this.#clock.nowMs() - sinceMs;
  }

  /** Counts one who waits, until what is returned is disposed. */
  enter(): Disposable {
    const seat = Symbol("seat");
    this.#since.set(seat, this.#clock.nowMs());
    return { [Symbol.dispose]: () => void this.#since.delete(seat) };
  }

  /** Until there is a link, or none to wait for any more; on abort it rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    using _seat = this.enter();
    const waiter = Promise.withResolvers<Link>();
    const abort = () => waiter.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#forLink.add(waiter);
    try {
      return await waiter.promise;
    } finally {
      this.#forLink.delete(waiter);
      signal.removeEventListener("abort", abort);
    }
  }

  admit(link: Link): void {
    for (const waiter of this.#forLink) waiter.resolve(link);
  }

  turnAway(error: Error): void {
    for (const waiter of this.#forLink) waiter.reject(error);
  }
}
