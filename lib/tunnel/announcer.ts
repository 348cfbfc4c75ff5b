import type { Clock } from "#lib/base/clock.ts";
import type { TunnelEvent, TunnelEventName, TunnelEventOf, TunnelOccurrence } from "./events.ts";

/** Gives each event its moment, and tells whoever listens. */
export class Announcer {
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: TunnelEvent) => void>();

  constructor(onEvent: ((event: TunnelEvent) => void) | undefined, clock: Clock) {
    this.#clock = clock;
    if (onEvent !== undefined) this.#listeners.add(onEvent);
  }

  on<Name extends TunnelEventName>(name: Name, listener: (event: TunnelEventOf<Name>) => void): Disposable {
    const forward = (event: TunnelEvent) => {
      if (isNamed(event, name)) listener(event);
    };
    this.#listeners.add(forward);
    return { [Symbol.dispose]: () => void this.#listeners.delete(forward) };
  }

  tell(occurrence: TunnelOccurrence): void {
    const event = { ...occurrence, at: this.#clock.wallTime().toISOString() };
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // The listener's defect, uncaught as it would be in an EventEmitter; the tunnel goes on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

function isNamed<Name extends TunnelEventName>(event: TunnelEvent, name: Name): event is TunnelEventOf<Name> {
  return event.event === name;
}
