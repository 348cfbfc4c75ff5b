import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** The plugin says in words, on another way than the bytes come, why a connection is over: so long they are waited for. */
const wordsWithinMs = 500;

/**
 * A connection to the plugin's port. One that ends without having brought a byte ends here a moment later, so that whoever
 * reads the plugin's words meanwhile can destroy it with the reason.
 */
export class PluginStream extends Duplex {
  readonly #socket: Socket;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    let failure: Error | undefined;
    const finish = () => {
      if (failure === undefined) this.push(null);
      else this.destroy(failure);
    };
    socket.on("data", (chunk) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("close", () => {
      if (this.destroyed) return;
      if (this.isSilent) this.#timer = setTimeout(finish, wordsWithinMs);
      else finish();
    });
    // An error that comes before its reader listens must not end the process.
    this.on("error", () => undefined);
  }

  get isSilent(): boolean {
    return this.bytesDown === 0;
  }

  get bytesDown(): number {
    return this.#socket.bytesRead;
  }

  get bytesUp(): number {
    return this.#socket.bytesWritten;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // Of one that is over the end follows, with its reason.
    if (this.#socket.destroyed) done();
    else this.#socket.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
    done(error);
  }
}
