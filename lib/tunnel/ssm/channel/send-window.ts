import type { Clock } from "#lib/base/clock.ts";
import { createRoundTrip } from "./round-trip.ts";

/**
 * Messages that were sent and not acknowledged yet. Each is in one of two states:
 *
 * - waiting: sent, its time has not run out. Acknowledged → gone. Time out → lost.
 * - lost: to be sent again, which makes it wait again, twice as long as the time before.
 *
 * The official client sends only its oldest message again, so that k lost ones take k rounds. Here all whose time
 * ran out go again, each at most once in its time-out; the pace of the channel holds for them, too.
 */
export type SendWindow = {
  readonly hasRoom: () => boolean;
  /** Takes a message that is being sent; the frame is made for the number it gets, and kept until acknowledged. */
  readonly add: (makeFrame: (sequenceNumber: number) => Uint8Array, onAcknowledged?: () => void) => Uint8Array;
  /** Nothing waits for an acknowledgement. */
  readonly isEmpty: () => boolean;
  /** Unknown numbers and repeats are passed over. */
  readonly acknowledge: (sequenceNumber: number) => void;
  /** The oldest of the lost, if any; it counts as sent. */
  readonly takeLost: () => Uint8Array | undefined;
  /** When the next one is lost, provided that nothing is acknowledged; undefined where none waits. */
  readonly nextLostAtMs: () => number | undefined;
  /** The socket is a new one: whatever was under way is lost. */
  readonly loseAll: () => void;
  /** Acknowledgements could not be read for a while: their lateness says nothing. All times begin anew. */
  readonly excuse: () => void;
  /** How long the oldest has gone without acknowledgement; 0 where there is none. */
  readonly stuckMs: () => number;
  readonly roundTripMs: () => number | undefined;
};

export type SendWindowOptions = {
  readonly clock: Clock;
  /** How many messages may be on their way. Default 256. */
  readonly windowMessages?: number;
};

const defaultWindowMessages = 256;
/** The other side keeps only so many that came before their turn: 10,000 (official client), 100,000 (agent). */
const maxSpread = 8192;
const maxTimeoutMs = 5000;

type Unacknowledged = {
  readonly sequenceNumber: number;
  readonly frame: Uint8Array;
  readonly onAcknowledged: (() => void) | undefined;
  /** Of the first copy, or since when there is no excuse. */
  sinceMs: number;
  sentAtMs: number;
  /** Infinity while it is among the lost. */
  lostAtMs: number;
  resends: number;
  isMeasured: boolean;
};

export function createSendWindow({ clock, windowMessages = defaultWindowMessages }: SendWindowOptions): SendWindow {
  const roundTrip = createRoundTrip();
  /** In the order of their numbers. */
  const messages = new Map<number, Unacknowledged>();
  let nextNumber = 0;
  let lost: Unacknowledged[] = [];
  /** No message is lost before it. May be too early, since nothing is searched when a message goes. */
  let nextLostAtMs = Infinity;

  const oldest = () => messages.values().next().value;

  function wait(message: Unacknowledged): void {
    const now = clock.nowMs();
    message.sentAtMs = now;
    message.lostAtMs = now + Math.min(roundTrip.timeoutMs() * 2 ** message.resends, maxTimeoutMs);
    nextLostAtMs = Math.min(nextLostAtMs, message.lostAtMs);
  }

  function findLost(): void {
    const now = clock.nowMs();
    if (now < nextLostAtMs) return;
    nextLostAtMs = Infinity;
    for (const message of messages.values()) {
      if (message.lostAtMs <= now) {
        message.lostAtMs = Infinity;
        message.resends += 1;
        lost.push(message);
      }
      nextLostAtMs = Math.min(nextLostAtMs, message.lostAtMs);
    }
  }

  return {
    hasRoom: () => {
      const first = oldest();
      return messages.size < windowMessages && (first === undefined || nextNumber - first.sequenceNumber < maxSpread);
    },
    add: (makeFrame, onAcknowledged) => {
      const sequenceNumber = nextNumber;
      nextNumber += 1;
      const sinceMs = clock.nowMs();
      const times = { sinceMs, sentAtMs: sinceMs, lostAtMs: Infinity, resends: 0, isMeasured: true };
      const message = { sequenceNumber, frame: makeFrame(sequenceNumber), onAcknowledged, ...times };
      messages.set(sequenceNumber, message);
      wait(message);
      return message.frame;
    },
    isEmpty: () => messages.size === 0,
    acknowledge: (sequenceNumber) => {
      const message = messages.get(sequenceNumber);
      if (message === undefined) return;
      messages.delete(sequenceNumber);
      if (message.isMeasured && message.resends === 0) roundTrip.measure(clock.nowMs() - message.sentAtMs);
      message.onAcknowledged?.();
    },
    takeLost: () => {
      findLost();
      for (let message = lost.shift(); message !== undefined; message = lost.shift()) {
        if (!messages.has(message.sequenceNumber)) continue;
        wait(message);
        return message.frame;
      }
      return undefined;
    },
    nextLostAtMs: () => {
      if (lost.length > 0) return clock.nowMs();
      return messages.size === 0 || nextLostAtMs === Infinity ? undefined : nextLostAtMs;
    },
    loseAll: () => {
      lost = [...messages.values()];
      nextLostAtMs = Infinity;
      for (const message of lost) {
        Object.assign(message, { sinceMs: clock.nowMs(), lostAtMs: Infinity, resends: 0, isMeasured: false });
      }
    },
    excuse: () => {
      lost = [];
      nextLostAtMs = Infinity;
      for (const message of messages.values()) {
        Object.assign(message, { sinceMs: clock.nowMs(), isMeasured: false });
        wait(message);
      }
    },
    stuckMs: () => {
      const first = oldest();
      return first === undefined ? 0 : clock.nowMs() - first.sinceMs;
    },
    roundTripMs: roundTrip.smoothedMs,
  };
}
