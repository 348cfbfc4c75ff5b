import type { Socket } from "node:net";
import { type Opening, readOpening } from "#lib/postgres/wire.ts";

/** More than any client says before it is answered; the rest stays with the system until then. */
const maxBytes = 64 * 1024;

/**
 * A client that nobody has answered yet. What it says is kept, so that it can be said again through another link; that it
 * leaves is noticed.
 */
export class HeldClient {
  readonly socket: Socket;
  /** Aborted when the client has gone. */
  readonly left: AbortSignal;
  readonly #leave = new AbortController();
  #said = Buffer.alloc(0);
  #onMore: ((chunk: Buffer) => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.left = this.#leave.signal;
    socket.on("data", this.#hear);
    socket.on("end", this.#end);
    socket.on("close", this.#end);
  }

  /** What it wants; undefined until it has said enough. */
  get opening(): Opening | undefined {
    return readOpening(this.#said);
  }

  /** Everything so far, and from now on what comes. */
  replay(onMore: (chunk: Buffer) => void): void {
    if (this.#said.length > 0) onMore(this.#said);
    this.#onMore = onMore;
  }

  /** Nobody listens to it for the time being. */
  hold(): void {
    this.#onMore = undefined;
  }

  /** From now on somebody else reads the socket. */
  release(): void {
    this.socket.pause();
    this.socket.off("data", this.#hear);
    this.socket.off("end", this.#end);
    this.socket.off("close", this.#end);
  }

  readonly #hear = (chunk: Buffer): void => {
    this.#said = Buffer.concat([this.#said, chunk]);
    if (this.#said.length >= maxBytes) this.socket.pause();
    this.#onMore?.(chunk);
  };

  readonly #end = (): void => this.#leave.abort();
}
