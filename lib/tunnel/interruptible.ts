import type { Clock } from "#lib/base/clock.ts";

/**
 * One thing at a time that may be broken off from outside: a pause, which anything cuts short, or work, which only what
 * makes it pointless ends.
 */
export class Interruptible {
  #pause: AbortController | undefined;
  #work: AbortController | undefined;
  #isClosed = false;

  /** Is done after `ms`, or as soon as it is nudged; never fails. */
  async pause(ms: number, clock: Clock): Promise<void> {
    if (this.#isClosed) return;
    this.#pause = new AbortController();
    await clock.sleep(ms, this.#pause.signal).catch(() => {});
    this.#pause = undefined;
  }

  /** Runs it with a signal that `interrupt` aborts. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    if (this.#isClosed) stop.abort();
    this.#work = stop;
    try {
      return await work(stop.signal);
    } finally {
      this.#work = undefined;
    }
  }

  /** There is something to look at: a pause is over, work goes on. */
  nudge(): void {
    this.#pause?.abort();
  }

  /** Whatever is under way is pointless now. */
  interrupt(): void {
    this.#pause?.abort();
    this.#work?.abort();
  }

  /** Interrupts, for good: what is begun afterwards is over at once. */
  close(): void {
    this.#isClosed = true;
    this.interrupt();
  }
}
