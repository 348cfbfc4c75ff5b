import type { Duplex } from "node:stream";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import {
  createSmuxDecoder,
  firstSmuxStreamId,
  maxSmuxDataLength,
  type SmuxFrame,
  smuxHeaderLength,
} from "#lib/ssm-protocol/smux.ts";
import { type MuxPort, MuxStream } from "./mux-stream.ts";
import { Turns } from "./turns.ts";

/** The way to the other side, for bytes of all streams. */
export type BytePipe = {
  /** In order; resolves when the channel has taken them (back-pressure); rejects when it ended. */
  write(bytes: Uint8Array): Promise<void>;
};

export type MuxOptions = {
  /**
   * What a stream sends in one turn, header included. Default: 4,096, which fills four messages of the real service
   * and takes 4 ms at its pace. More is faster where nothing is paced.
   */
  readonly frameBytes?: number;
  /** Received bytes that wait for their readers, over all streams. Default: 4 MiB, as on the other side. */
  readonly maxHeldBytes?: number;
  /** For tests. Default: 3, as the official client has it. */
  readonly firstStreamId?: number;
};

const defaults = Object.freeze({
  frameBytes: 4096,
  maxHeldBytes: 4 * 1024 * 1024,
  firstStreamId: firstSmuxStreamId,
});
const maxStreamId = 0xff_ff_ff_ff;

/** The client's side of smux, version 1: many streams over one pipe. NOP frames are the channel's to send. */
export type Mux = {
  /**
   * Bytes from the other side, which the streams may keep: do not write to them again. Returns a promise while as much
   * as may be held waits for readers: read no more until it resolves. A stream that nobody reads then stops all
   * others; smux 1 has no window for a single stream.
   *
   * @throws PosternError `ssm.protocol`, after every stream was destroyed with it
   */
  receive(bytes: Uint8Array): Promise<void> | undefined;
  /**
   * SYN goes out with the first bytes; whether the other side reached the database is not announced.
   *
   * @throws PosternError `ssm.lost` after the mux has ended, and when all stream ids were used
   */
  openStream(): Duplex;
  /**
   * The agent could not connect one of the streams that are open now, and does not say which: the next of them that it
   * ends before any byte came is destroyed with this reason.
   */
  refuseNext(reason: Error): void;
  /** Of streams that neither side has ended. */
  readonly openStreams: number;
  /** True while `receive` asks to wait: silence of one stream says nothing about the other side then. */
  readonly isFull: boolean;
  /** Bytes of streams, without headers. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Destroys every stream with the reason, and sends nothing any more. */
  close(reason?: Error): void;
};

export function createMux(pipe: BytePipe, options: MuxOptions = {}): Mux {
  const { frameBytes, maxHeldBytes, firstStreamId } = { ...defaults, ...options };
  if (!(frameBytes > smuxHeaderLength && frameBytes <= maxSmuxDataLength + smuxHeaderLength)) {
    throw new RangeError(`frameBytes is ${frameBytes}, expected 9 to ${maxSmuxDataLength + smuxHeaderLength}`);
  }
  const decoder = createSmuxDecoder();
  const streams = new Map<number, MuxStream>();
  const turns = new Turns<MuxStream>();
  let nextStreamId = firstStreamId;
  let isSending = false;
  let isClosed = false;
  let bytesUp = 0;
  let bytesDown = 0;
  let heldBytes = 0;
  let room: PromiseWithResolvers<void> | undefined;
  const refusals: { readonly reason: Error; readonly before: number }[] = [];

  const port: MuxPort = {
    wantsTurn: (stream) => {
      if (isClosed) return;
      turns.add(stream);
      void send();
    },
    forget: (stream) => streams.delete(stream.id),
    held: (bytes) => {
      heldBytes += bytes;
      if (heldBytes < maxHeldBytes) makeRoom();
    },
  };

  /** One at a time, each after the pipe has taken the one before. Never rejects. */
  async function send(): Promise<void> {
    if (isSending) return;
    isSending = true;
    // What is written in the same moment as the stream was opened goes with its SYN.
    await Promise.resolve();
    try {
      for (let stream = turns.take(); stream !== undefined; stream = turns.take()) {
        const { bytes, dataBytes } = stream.takeTurn(frameBytes);
        if (bytes.length > 0) await pipe.write(bytes);
        bytesUp += dataBytes;
        stream.afterTurn();
        if (stream.wantsTurn) turns.putBack(stream);
      }
    } catch (error) {
      close(toPosternError(error));
    } finally {
      isSending = false;
    }
  }

  function close(reason?: Error): void {
    if (isClosed) return;
    isClosed = true;
    turns.clear();
    const open = [...streams.values()];
    streams.clear();
    for (const stream of open) stream.abandon(reason);
    makeRoom();
  }

  function makeRoom(): void {
    room?.resolve();
    room = undefined;
  }

  function decode(bytes: Uint8Array): SmuxFrame[] {
    try {
      return decoder.push(bytes);
    } catch (error) {
      close(toPosternError(error));
      throw error;
    }
  }

  function receiveFin(stream: MuxStream): void {
    stream.receiveFin(stream.hasReceived || stream.destroyed ? undefined : takeRefusal(stream.id));
  }

  /** Those before it were of streams that nobody waits for any more: the agent connects one after the other. */
  function takeRefusal(streamId: number): Error | undefined {
    const index = refusals.findIndex(({ before }) => streamId < before);
    return index === -1 ? undefined : refusals.splice(0, index + 1).at(-1)?.reason;
  }

  /** The other side opens none; what comes for an id that is over, or was never begun, is dropped. */
  function take(frame: SmuxFrame): void {
    if (frame.command === "nop") return;
    const stream = streams.get(frame.streamId);
    if (stream === undefined || !stream.isAnnounced) return;
    switch (frame.command) {
      case "syn":
        return;
      case "push":
        bytesDown += frame.data.length;
        stream.receive(frame.data);
        return;
      case "fin":
        receiveFin(stream);
    }
  }

  return {
    receive: (bytes) => {
      if (isClosed) return undefined;
      for (const frame of decode(bytes)) take(frame);
      if (isClosed || heldBytes < maxHeldBytes) return undefined;
      room ??= Promise.withResolvers<void>();
      return room.promise;
    },
    openStream: () => {
      if (isClosed) throw new PosternError("ssm.lost", "The session is over, and its streams with it.");
      if (nextStreamId > maxStreamId) {
        throw new PosternError("ssm.lost", "The session has used up its stream ids.", {
          hint: "A new session has new ones.",
        });
      }
      const stream = new MuxStream(nextStreamId, port);
      streams.set(nextStreamId, stream);
      nextStreamId += 2;
      return stream;
    },
    refuseNext: (reason) => void refusals.push({ reason, before: nextStreamId }),
    get openStreams() {
      return streams.size;
    },
    get isFull() {
      return heldBytes >= maxHeldBytes;
    },
    get bytesUp() {
      return bytesUp;
    },
    get bytesDown() {
      return bytesDown;
    },
    close,
  };
}
