import { fin, parseSmux, psh, smuxFrame, syn, type WireFrame } from "./smux-bytes.ts";

/** One stream as the agent sees it. */
export type ServerStream = {
  readonly id: number;
  readonly received: Buffer[];
  /** A FIN came. */
  readonly clientEnded: boolean;
  /** Sent in frames of 32 KiB at most; nothing after the end of either side. */
  write(data: Uint8Array): void;
  /** Sends FIN, once. */
  end(): void;
};

export type SmuxServerHooks = {
  readonly onStream?: (stream: ServerStream) => void;
  readonly onData?: (stream: ServerStream, data: Buffer) => void;
  readonly onEnd?: (stream: ServerStream) => void;
};

/**
 * The agent's side of smux, with a codec of its own. It is strict: what the real one would take amiss, or silently
 * drop, throws.
 */
export class SmuxServer {
  readonly frames: WireFrame[] = [];
  readonly streams = new Map<number, ServerStream>();
  readonly #send: (bytes: Buffer) => void;
  readonly #hooks: SmuxServerHooks;
  #rest = Buffer.alloc(0);

  constructor(send: (bytes: Buffer) => void, hooks: SmuxServerHooks = {}) {
    this.#send = send;
    this.#hooks = hooks;
  }

  receive(bytes: Uint8Array): void {
    const { frames, rest } = parseSmux(Buffer.concat([this.#rest, bytes]));
    this.#rest = Buffer.from(rest);
    for (const frame of frames) this.#take(frame);
  }

  #take(frame: WireFrame): void {
    this.frames.push(frame);
    const { command, id, data } = frame;
    if (command === syn) {
      const last = [...this.streams.keys()].at(-1) ?? 1;
      if (id % 2 === 0 || id <= last) throw new Error(`SYN of ${id} after ${last}`);
      this.#open(id);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error(`command ${command} for ${id} without a SYN`);
    if (stream.clientEnded) throw new Error(`command ${command} for ${id} after its FIN`);
    if (command === psh) {
      if (data.length === 0 || data.length > 32_768) throw new Error(`PSH of ${data.length} bytes`);
      stream.received.push(Buffer.from(data));
      this.#hooks.onData?.(stream, data);
    } else if (command === fin) {
      Object.assign(stream, { clientEnded: true });
      this.#hooks.onEnd?.(stream);
    } else throw new Error(`command ${command} for ${id}`);
  }

  #open(id: number): void {
    const send = this.#send;
    let hasEnded = false;
    const stream: ServerStream = {
      id,
      received: [],
      clientEnded: false,
      write: (data) => {
        if (hasEnded || stream.clientEnded) return;
        for (let offset = 0; offset < data.length; offset += 32_768) {
          send(smuxFrame(psh, id, data.subarray(offset, offset + 32_768)));
        }
      },
      end: () => {
        if (hasEnded) return;
        hasEnded = true;
        send(smuxFrame(fin, id));
      },
    };
    this.streams.set(id, stream);
    this.#hooks.onStream?.(stream);
  }
}
