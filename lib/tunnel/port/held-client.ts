import type { Socket } from "node:net";
import { type Opening, readOpening } from "#lib/postgres/wire/opening.ts";

/** More than any client says before it is answered; the rest stays with the system until then. */
const maxBytes = 64 * 1024;

/**
 * A client that nobody has answered yet. What it says is kept, so that it can be said again through another link; that it
 * leaves is noticed.
 */
export class HeldClient {
  readonly socket: Socket;
  /** Aborted when the client has gone, or the port closes: there is nothing to wait for any more. */
  readonly over: AbortSignal;
  readonly #closing: AbortSignal;
  readonly #over = new AbortController();
  #hasLeft = false;
  #said = Buffer.alloc(0);
  #onMore: ((chunk: Buffer) => void) | undefined;

  constructor(socket: Socket, closing: AbortSignal) {
    this.socket = socket;
    this.over = this.#over.signal;
    this.#closing = closing;
    closing.addEventListener("abort", this.#close, { once: true });
    if (closing.aborted) this.#close();
    socket.on("data", this.#hear);
    socket.on("end", this.#end);
    socket.on("close", this.#end);
  }

  /** Nobody is there to be told anything. */
  get hasLeft(): boolean {
    return this.#hasLeft;
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
    this.#closing.removeEventListener("abort", this.#close);
  }

  readonly #hear = (chunk: Buffer): void => {
    this.#said = Buffer.concat([this.#said, chunk]);
    if (this.#said.length >= maxBytes) this.socket.pause();
    this.#onMore?.(chunk);
  };

  readonly #end = (): void => {
    this.#hasLeft = true;
    this.#over.abort();
  };

  readonly #close = (): void => this.#over.abort();
}
