import { Duplex } from "node:stream";
import { toPosternError } from "#lib/base/errors.ts";
import { flags } from "#lib/ssm-protocol/payloads.ts";
import { unlessAborted } from "../deadline.ts";

/** What basic mode needs of the channel. */
export type BasicPipe = {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Resolves when the agent has acted on it. */
  readonly sendFlag: (flag: number) => Promise<void>;
};

/**
 * Agents up to 3.0.196.0 know no multiplexing: the bytes of the session are those of one connection at a time. The agent
 * dials with the first bytes; a flag tells it that the connection is over, and the next one waits until it has acted on it,
 * or it would get bytes of the one before.
 */
export type BasicMode = {
  readonly receive: (bytes: Uint8Array) => Promise<void> | undefined;
  /** Waits until no other is open. */
  readonly openStream: (signal: AbortSignal) => Promise<Duplex>;
  /** The agent's connection is over, or never was. */
  readonly refuse: (reason: Error) => void;
  readonly openStreams: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly close: (reason: Error) => void;
};

export function createBasicMode(pipe: BasicPipe): BasicMode {
  let current: BasicStream | undefined;
  let free: Promise<void> = Promise.resolve();
  let closedFor: Error | undefined;
  const counts = { up: 0, down: 0 };

  return {
    receive: (bytes) => {
      counts.down += bytes.length;
      return current?.receive(bytes);
    },
    openStream: async (signal) => {
      const before = free;
      const { promise, resolve } = Promise.withResolvers<void>();
      free = promise;
      try {
        await unlessAborted(before, signal);
        if (closedFor !== undefined) throw closedFor;
      } catch (error) {
        // Those behind it still wait for the one before.
        void before.then(resolve);
        throw error;
      }
      const stream = new BasicStream(pipe, (bytes) => {
        counts.up += bytes;
      });
      current = stream;
      stream.once("close", () => {
        current = undefined;
        if (!stream.hasSent || closedFor !== undefined) resolve();
        else pipe.sendFlag(flags.disconnectToPort).then(resolve, resolve);
      });
      return stream;
    },
    refuse: (reason) => {
      if (current?.hasReceived === true) current.push(null);
      else current?.destroy(reason);
    },
    get openStreams() {
      return current === undefined ? 0 : 1;
    },
    get bytesUp() {
      return counts.up;
    },
    get bytesDown() {
      return counts.down;
    },
    close: (reason) => {
      closedFor = reason;
      current?.destroy(reason);
    },
  };
}

/** Its end closes both directions: there is no half-close. */
class BasicStream extends Duplex {
  readonly #pipe: BasicPipe;
  readonly #countUp: (bytes: number) => void;
  #room: PromiseWithResolvers<void> | undefined;
  hasSent = false;
  hasReceived = false;

  constructor(pipe: BasicPipe, countUp: (bytes: number) => void) {
    super({ allowHalfOpen: false });
    this.#pipe = pipe;
    this.#countUp = countUp;
  }

  receive(bytes: Uint8Array): Promise<void> | undefined {
    this.hasReceived = true;
    if (this.destroyed || this.readableEnded || this.push(bytes)) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  override _read(): void {
    this.#makeRoom();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.hasSent = true;
    void this.#send(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#makeRoom();
    callback(error);
  }

  async #send(chunk: Uint8Array, done: (error?: Error) => void): Promise<void> {
    try {
      await this.#pipe.write(chunk);
    } catch (error) {
      done(toPosternError(error));
      return;
    }
    this.#countUp(chunk.length);
    done();
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
