import { randomUUID } from "node:crypto";
import { encodeMessage, type Message, messageFlags, messageTypes } from "#lib/ssm-protocol/message.ts";

/**
 * The agent's half of the reliability, outgoing. Each message has the next number, and is kept until its own
 * acknowledgement comes; there is no window. Of those kept, the oldest alone is ever sent again: looked at every 100 ms
 * (`resendOldest`), and sent when it is older than the time-out that the measured round trips give.
 */
export type Sender = {
  send(payloadType: number, payload: Uint8Array): void;
  acknowledge(sequenceNumber: number): void;
  /** For a timer of 100 ms. */
  resendOldest(): void;
  /** While paused, messages are numbered and kept, and none goes out. */
  pause(isPaused: boolean): void;
  /** Forgets what it keeps. */
  destroy(): void;
  /** Payloads that nobody has acknowledged. */
  readonly unackedBytes: number;
  /** Messages that were sent again, so far. */
  readonly resent: number;
};

export const resendIntervalMs = 100;

type Kept = { readonly message: Message; readonly frame: Buffer; lastSentMs: number; isResent: boolean };

export function createSender(options: {
  readonly nowMs: () => number;
  readonly wallTime: () => Date;
  readonly emit: (message: Message, frame: Buffer) => void;
}): Sender {
  const { nowMs, wallTime, emit } = options;
  const kept = new Map<number, Kept>();
  const timeOut = createTimeOut();
  let nextNumber = 0;
  let unackedBytes = 0;
  let resent = 0;
  let isPaused = false;

  return {
    send: (payloadType, payload) => {
      const message: Message = {
        type: messageTypes.output,
        createdMs: wallTime().getTime(),
        sequenceNumber: nextNumber,
        flags: nextNumber === 0 ? messageFlags.firstOfStream : messageFlags.none,
        id: randomUUID(),
        payloadType,
        payload,
      };
      nextNumber += 1;
      const one: Kept = { message, frame: encodeMessage(message), lastSentMs: nowMs(), isResent: false };
      kept.set(message.sequenceNumber, one);
      unackedBytes += payload.length;
      if (!isPaused) emit(message, one.frame);
    },
    acknowledge: (sequenceNumber) => {
      const one = kept.get(sequenceNumber);
      if (one === undefined) return;
      kept.delete(sequenceNumber);
      unackedBytes -= one.message.payload.length;
      // Of one that went out twice nobody knows which of them was answered.
      if (!one.isResent) timeOut.measure(nowMs() - one.lastSentMs);
    },
    resendOldest: () => {
      const [oldest] = kept.values();
      if (oldest === undefined || isPaused || nowMs() - oldest.lastSentMs < timeOut.ms()) return;
      oldest.lastSentMs = nowMs();
      oldest.isResent = true;
      resent += 1;
      emit(oldest.message, oldest.frame);
    },
    pause: (paused) => {
      isPaused = paused;
    },
    destroy: () => {
      kept.clear();
      unackedBytes = 0;
    },
    get unackedBytes() {
      return unackedBytes;
    },
    get resent() {
      return resent;
    },
  };
}

/** Smoothed round trip plus four times its deviation; 200 ms before anything was measured, 1 s at most. */
function createTimeOut() {
  let roundTripMs = 100;
  let deviationMs = 0;
  let currentMs = 200;
  return {
    ms: () => currentMs,
    measure: (sampleMs: number) => {
      deviationMs += (Math.abs(sampleMs - roundTripMs) - deviationMs) / 4;
      roundTripMs += (sampleMs - roundTripMs) / 8;
      currentMs = Math.min(1000, roundTripMs + Math.max(10, 4 * deviationMs));
    },
  };
}
