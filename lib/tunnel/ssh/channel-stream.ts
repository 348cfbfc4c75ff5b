import { Duplex } from "node:stream";
import type { ClientChannel } from "ssh2";

export type ChannelStreamOptions = {
  readonly channel: ClientChannel;
  /** Calls back when the connection's socket takes more: ssh2 itself writes on, into memory. */
  readonly whenWritable: (go: () => void) => void;
  /** False once the connection is gone: nothing more may be sent on it. */
  readonly canSend: () => boolean;
  readonly onBytes: (direction: "up" | "down", count: number) => void;
};

/**
 * A forwarded connection as streams are elsewhere. ssh2's own channel does not end when it is destroyed, tells no error,
 * and a write that waits for its window when the other side closes waits for ever.
 *
 * `end()` sends EOF and leaves the other direction open. What was read before the far end closed can still be read; what
 * is written after that is dropped, as it is with a socket whose other side is gone, and the stream ends.
 */
export class ChannelStream extends Duplex {
  readonly #options: ChannelStreamOptions;
  #isClosed = false;
  #written: (() => void) | undefined;

  constructor(options: ChannelStreamOptions) {
    super({ allowHalfOpen: true });
    this.#options = options;
    const { channel, onBytes } = options;
    channel.on("data", (chunk: Buffer) => {
      onBytes("down", chunk.length);
      if (!this.destroyed && !this.push(chunk)) channel.pause();
    });
    channel.on("end", () => {
      if (!this.destroyed) this.push(null);
    });
    channel.on("error", (error: Error) => this.destroy(error));
    channel.on("close", () => this.#closed());
  }

  override _read(): void {
    this.#options.channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isClosed) return done();
    const { channel, whenWritable, canSend, onBytes } = this.#options;
    this.#written = () => {
      this.#written = undefined;
      done();
    };
    whenWritable(() => {
      if (this.destroyed || this.#isClosed || !canSend()) return;
      onBytes("up", chunk.length);
      channel.write(chunk, () => this.#written?.());
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#isClosed && this.#options.canSend()) this.#options.channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { channel, canSend } = this.#options;
    // What still comes until the server knows is dropped, not kept.
    channel.resume();
    if (!this.#isClosed && canSend()) channel.close();
    done(error);
  }

  /** The far end closed both directions. */
  #closed(): void {
    this.#isClosed = true;
    this.#written?.();
    if (this.destroyed) return;
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
  }
}
