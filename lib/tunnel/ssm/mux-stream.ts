import { Duplex } from "node:stream";
import { PosternError } from "#lib/base/errors.ts";
import { encodeSmuxHeader, smuxHeaderLength } from "#lib/ssm-protocol/smux.ts";

/** What a stream asks of the mux that it belongs to. */
export type MuxPort = {
  /** The stream has something to send: let it have a turn. */
  readonly wantsTurn: (stream: MuxStream) => void;
  /** Nothing will be sent or received under this id any more. */
  readonly forget: (stream: MuxStream) => void;
  /** Received bytes wait for a reader (positive), were read or thrown away (negative). */
  readonly held: (bytes: number) => void;
};

/**
 * - `new`: the other side does not know of the stream yet. Its first turn sends SYN → `open`; destroyed before that →
 *   `closed`, and nothing is ever sent.
 * - `open`: bytes flow both ways. Our end, once all bytes before it are sent → FIN → `closed`. Destroyed, or FIN
 *   received → `closing`.
 * - `closing`: what was still to be sent is given up, and only FIN is sent in the next turn → `closed`.
 * - `closed`: nothing is sent any more, and the mux has forgotten the id. Bytes that came before can still be read.
 */
type Phase = "new" | "open" | "closing" | "closed";

type Settle = (error?: Error | null) => void;

/** What a received piece occupies besides its bytes, roughly: many small ones must not cost more than few large ones. */
const pieceOverhead = 128;
/** In each direction, besides what the mux holds. */
const highWaterMark = 16 * 1024;

/**
 * One stream of a mux. A FIN closes both directions, whoever sends it: `end()` therefore also ends what can be read,
 * and after the other side's end, what is written goes nowhere, without an error that would destroy unread bytes.
 */
export class MuxStream extends Duplex {
  readonly id: number;
  readonly #mux: MuxPort;
  #phase: Phase = "new";
  /** What is being written, from the first byte that was not sent yet. */
  #outgoing: Uint8Array = Buffer.alloc(0);
  #written: Settle | undefined;
  /** There once the writer has ended, and all that it wrote was sent. */
  #finished: Settle | undefined;
  readonly #incoming: Uint8Array[] = [];
  #incomingEnded = false;
  /** Then nothing is in `#incoming`. */
  #readerWaits = false;
  #hasReceived = false;

  constructor(id: number, mux: MuxPort) {
    super({ highWaterMark, allowHalfOpen: false });
    this.id = id;
    this.#mux = mux;
    mux.wantsTurn(this);
  }

  /** False before its SYN was sent: nothing can have come for it. */
  get isAnnounced(): boolean {
    return this.#phase !== "new";
  }

  get hasReceived(): boolean {
    return this.#hasReceived;
  }

  /** Has bytes, or a FIN, for its next turn. */
  get wantsTurn(): boolean {
    if (this.#phase === "open") return this.#outgoing.length > 0 || this.#finished !== undefined;
    return this.#phase === "new" || this.#phase === "closing";
  }

  /**
   * What it sends in this turn: whole frames, of `frameBytes` at most but for a SYN before and a FIN behind.
   * Empty where it has nothing to send any more. `afterTurn` must follow when they are sent.
   */
  takeTurn(frameBytes: number): { readonly bytes: Uint8Array; readonly dataBytes: number } {
    const parts: Uint8Array[] = [];
    let dataBytes = 0;
    if (this.#phase === "new") {
      parts.push(encodeSmuxHeader("syn", this.id));
      this.#phase = "open";
    }
    if (this.#phase === "open" && this.#outgoing.length > 0) {
      const data = this.#outgoing.subarray(0, frameBytes - smuxHeaderLength);
      this.#outgoing = this.#outgoing.subarray(data.length);
      dataBytes = data.length;
      parts.push(encodeSmuxHeader("push", this.id, data.length), data);
    }
    if (this.#phase === "closing" || (this.#phase === "open" && this.#finished !== undefined)) {
      parts.push(encodeSmuxHeader("fin", this.id));
      this.#close();
    }
    return { bytes: Buffer.concat(parts), dataBytes };
  }

  /** What `takeTurn` gave is sent: the writer may go on. */
  afterTurn(): void {
    if (this.#outgoing.length === 0) this.#settleWrite();
    if (this.#phase === "closed") this.#settleEnd();
  }

  /** Bytes from the other side; a view into a message, which it may keep. */
  receive(data: Uint8Array): void {
    this.#hasReceived = true;
    if (this.destroyed || this.#incomingEnded) return;
    // A small view must not keep a large message in memory.
    const own = data.length * 2 < data.buffer.byteLength ? Buffer.from(data) : data;
    if (this.#readerWaits) {
      this.#readerWaits = this.push(own);
      return;
    }
    this.#incoming.push(own);
    this.#mux.held(own.length + pieceOverhead);
  }

  /** The other side's FIN; with a reason, what came before is thrown away and the stream ends with that error. */
  receiveFin(reason?: Error): void {
    this.#giveUpWriting();
    this.#settleWrite();
    this.#endIncoming();
    if (reason !== undefined) this.destroy(reason);
  }

  /** The mux has ended: nothing more is sent, not even a FIN. */
  abandon(reason: Error | undefined): void {
    this.#phase = "closed";
    this.#outgoing = this.#outgoing.subarray(0, 0);
    this.destroy(reason);
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: Settle): void {
    this.#send(chunk, callback);
  }

  /** Small writes become one frame. */
  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: Settle): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
  }

  override _final(callback: Settle): void {
    if (this.#isOver) {
      callback();
      return;
    }
    this.#finished = callback;
    this.#mux.wantsTurn(this);
  }

  override _read(): void {
    this.#readerWaits = true;
    while (this.#readerWaits) {
      const data = this.#incoming.shift();
      if (data === undefined) break;
      this.#mux.held(-data.length - pieceOverhead);
      this.#readerWaits = this.push(data);
    }
    this.#pushEnd();
  }

  override _destroy(error: Error | null, callback: Settle): void {
    if (this.#phase === "new") this.#close();
    else this.#giveUpWriting();
    for (const data of this.#incoming.splice(0)) this.#mux.held(-data.length - pieceOverhead);
    this.#settleWrite(error ?? new PosternError("ssm.lost", "The stream was closed before this was sent."));
    this.#settleEnd();
    callback(error);
  }

  /** What is written now goes nowhere. */
  get #isOver(): boolean {
    return this.#phase === "closing" || this.#phase === "closed";
  }

  #send(chunk: Uint8Array, callback: Settle): void {
    if (this.#isOver || chunk.length === 0) {
      callback();
      return;
    }
    this.#outgoing = chunk;
    this.#written = callback;
    this.#mux.wantsTurn(this);
  }

  #giveUpWriting(): void {
    this.#outgoing = this.#outgoing.subarray(0, 0);
    if (this.#phase !== "open") return;
    this.#phase = "closing";
    this.#mux.wantsTurn(this);
  }

  #close(): void {
    this.#phase = "closed";
    this.#mux.forget(this);
    this.#endIncoming();
  }

  #endIncoming(): void {
    this.#incomingEnded = true;
    this.#pushEnd();
  }

  /** Behind all that came before. */
  #pushEnd(): void {
    if (!this.#incomingEnded || this.#incoming.length > 0 || this.destroyed || this.readableEnded) return;
    this.push(null);
  }

  #settleWrite(error?: Error): void {
    const written = this.#written;
    this.#written = undefined;
    written?.(error);
  }

  #settleEnd(): void {
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.();
  }
}
