import { randomUUID } from "node:crypto";
import type { Clock } from "#lib/base/clock.ts";
import { encodeMessage, type Message, messageFlags, messageTypes, payloadTypes } from "#lib/ssm-protocol/message.ts";
import { acknowledgeOf, decodeAcknowledge, encodeJson } from "#lib/ssm-protocol/payloads.ts";
import { createOutQueue } from "./out-queue.ts";
import { createPacer } from "./pacer.ts";
import { createReceiveOrder } from "./receive-order.ts";
import { createSendWindow } from "./send-window.ts";

/**
 * One session's reliability, without a socket: what is written arrives once and in order, whatever is lost, repeated
 * or overtaken on the way. The session outlives its sockets, and so does this.
 *
 * Sending is asked for (`next`), never done by itself: acknowledgements first, which the other side waits for; then, as the pace
 * allows, lost messages; then new ones, as far as the window has room. What finds no room stays with whoever wrote it.
 */
export type ReliableStream = {
  /** Bytes of the session. Resolves when the last of them is on its way, which is the back-pressure. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /**
   * A message of its own, ahead of bytes that wait; neither window nor pace hold it up.
   * `onAcknowledged`: the other side has acted on it.
   */
  readonly sendControl: (payloadType: number, payload: Uint8Array, onAcknowledged?: () => void) => void;
  /** The next frame for the socket; undefined when there is none at present. */
  readonly next: () => Uint8Array | undefined;
  /** When `next` is worth asking again, if nothing happens before; undefined: it is not. */
  readonly nextAtMs: () => number | undefined;
  /** Takes an acknowledgement or a message of the session; gives what is now next in order. */
  readonly receive: (message: Message) => readonly Message[];
  /** Nothing waits to be sent, or to be acknowledged. */
  readonly isIdle: () => boolean;
  /** The socket is a new one: all that was not acknowledged goes again. */
  readonly startOver: () => void;
  /**
   * False: nothing is read from the socket at present, so that no acknowledgement can come and nothing counts as lost.
   * True again: all times begin anew.
   */
  readonly setReading: (isReading: boolean) => void;
  /** How long the oldest message has gone without an acknowledgement that could have come. */
  readonly stuckMs: () => number;
  readonly roundTripMs: () => number | undefined;
  /** Whoever still waits to write, or writes later, gets the reason. */
  readonly fail: (reason: Error) => void;
};

export type ReliableStreamOptions = {
  readonly clock: Clock;
  /** Of the messages that this side sends: an agent sends `output`. Default `input`. */
  readonly sends?: "input" | "output";
  /** Default 1024: what the official client sends; whether the real service takes more is not known. */
  readonly payloadBytes?: number;
  readonly windowMessages?: number;
  /** What goes over the wire, headers included. Default 0: no limit. */
  readonly paceBytesPerMs?: number;
};

const defaultPayloadBytes = 1024;

export function createReliableStream(options: ReliableStreamOptions): ReliableStream {
  const { clock, sends = "input", payloadBytes = defaultPayloadBytes, paceBytesPerMs = 0 } = options;
  const window = createSendWindow(options);
  const order = createReceiveOrder<Message>({
    sizeOf: ({ payload }) => payload.length,
    keep: (message) => ({ ...message, payload: Uint8Array.from(message.payload) }),
  });
  const pacer = createPacer(paceBytesPerMs, clock);
  const queue = createOutQueue();
  const urgent: Uint8Array[] = [];
  let isReading = true;

  const hasNew = () => !queue.isEmpty() && window.hasRoom();

  function makeFrame(payloadType: number, payload: Uint8Array): (sequenceNumber: number) => Uint8Array {
    return (sequenceNumber) =>
      encodeMessage({
        type: messageTypes[sends],
        createdMs: clock.wallTime().getTime(),
        sequenceNumber,
        flags: sends === "output" && sequenceNumber === 0 ? messageFlags.firstOfStream : messageFlags.none,
        id: randomUUID(),
        payloadType,
        payload,
      });
  }

  function acknowledge(message: Message): void {
    const acknowledgement = encodeMessage({
      type: messageTypes.acknowledge,
      createdMs: clock.wallTime().getTime(),
      sequenceNumber: 0,
      flags: messageFlags.acknowledgement,
      id: randomUUID(),
      payloadType: payloadTypes.none,
      payload: encodeJson(acknowledgeOf(message)),
    });
    urgent.push(acknowledgement);
  }

  function nextPaced(): Uint8Array | undefined {
    if (pacer.waitMs() > 0) return undefined;
    const lost = isReading ? window.takeLost() : undefined;
    const frame = lost ?? (hasNew() ? window.add(makeFrame(payloadTypes.data, queue.take(payloadBytes))) : undefined);
    if (frame !== undefined) pacer.spend(frame.length);
    return frame;
  }

  return {
    write: queue.put,
    sendControl: (payloadType, payload, onAcknowledged) => {
      urgent.push(window.add(makeFrame(payloadType, payload), onAcknowledged));
    },
    next: () => urgent.shift() ?? nextPaced(),
    nextAtMs: () => {
      const now = clock.nowMs();
      if (urgent.length > 0) return now;
      const lostAtMs = isReading ? window.nextLostAtMs() : undefined;
      const at = hasNew() ? now : lostAtMs;
      return at === undefined ? undefined : Math.max(at, now + pacer.waitMs());
    },
    receive: (message) => {
      if (message.type === messageTypes.acknowledge) {
        window.acknowledge(decodeAcknowledge(message.payload).AcknowledgedMessageSequenceNumber);
        return [];
      }
      const { isKept, ready } = order.accept(message.sequenceNumber, message);
      if (isKept) acknowledge(message);
      return ready;
    },
    isIdle: () => queue.isEmpty() && window.isEmpty(),
    startOver: () => {
      urgent.length = 0;
      window.loseAll();
    },
    setReading: (value) => {
      if (value && !isReading) window.excuse();
      isReading = value;
    },
    stuckMs: () => (isReading ? window.stuckMs() : 0),
    roundTripMs: window.roundTripMs,
    fail: queue.fail,
  };
}
