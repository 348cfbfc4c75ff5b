import type { Socket } from "node:net";
import { createSmuxDecoder, encodeSmuxHeader, maxSmuxDataLength } from "#lib/ssm-protocol/smux.ts";
import type { PortForward, PortForwardOptions } from "./port-forward.ts";

/** Of all streams together; when it is full, every stream waits (version 1 has no window for a single one). */
const maxBufferedBytes = 4 * 1024 * 1024;

/**
 * One connection to the port. Dialling comes one after the other, in the order of the SYNs and without a time-out: one
 * that gets no answer holds up all that come later, as in the official agent.
 *
 * - waiting: its SYN is here, its turn to dial is not. Data is kept. Its turn → dialling
 * - dialling: connected → open; refused → the client gets a flag and a FIN, over
 * - open: the port ends → FIN, over; the client's FIN → what is kept goes to the port, which is then closed, FIN, over
 * - over: forgotten. What comes for it is dropped
 */
type Stream = {
  readonly id: number;
  readonly kept: Uint8Array[];
  socket: Socket | undefined;
  isOpen: boolean;
  hasEnded: boolean;
};

/** The agent's end of the multiplexed session. It never opens a stream itself. */
export function createSmuxServer(options: PortForwardOptions): PortForward {
  const { dial, send, onDialFailed } = options;
  const decoder = createSmuxDecoder();
  const streams = new Map<number, Stream>();
  const toDial: Stream[] = [];
  let isDialling = false;
  let isReading = true;
  let bufferedBytes = 0;
  let room: PromiseWithResolvers<void> | undefined;

  function release(bytes: number): void {
    bufferedBytes -= bytes;
    if (bufferedBytes > maxBufferedBytes || room === undefined) return;
    room.resolve();
    room = undefined;
  }

  function write(stream: Stream, data: Uint8Array): void {
    stream.socket?.write(data, () => release(data.length));
  }

  function end(stream: Stream): void {
    if (!streams.delete(stream.id)) return;
    for (const data of stream.kept.splice(0)) release(data.length);
    send(encodeSmuxHeader("fin", stream.id));
    stream.socket?.destroy();
  }

  function dialNext(): void {
    if (isDialling) return;
    // Also one that the client has closed by now, as the official agent does.
    const stream = toDial.shift();
    if (stream === undefined) return;
    isDialling = true;
    const socket = dial();
    stream.socket = socket;
    let isDialled = false;
    const dialled = () => {
      if (isDialled) return;
      isDialled = true;
      isDialling = false;
      dialNext();
    };
    socket.once("connect", () => {
      stream.isOpen = true;
      if (!isReading) socket.pause();
      for (const data of stream.kept.splice(0)) write(stream, data);
      if (stream.hasEnded) close(socket);
      dialled();
    });
    socket.on("data", (data) => {
      for (let offset = 0; offset < data.length; offset += maxSmuxDataLength) {
        const part = data.subarray(offset, offset + maxSmuxDataLength);
        send(encodeSmuxHeader("push", stream.id, part.length));
        send(part);
      }
    });
    socket.on("error", () => {
      if (!stream.isOpen && streams.has(stream.id)) onDialFailed();
    });
    socket.once("close", () => {
      end(stream);
      dialled();
    });
    if (!isReading) socket.pause();
  }

  function open(id: number): void {
    if (streams.has(id)) return;
    const stream: Stream = { id, kept: [], socket: undefined, isOpen: false, hasEnded: false };
    streams.set(id, stream);
    toDial.push(stream);
    dialNext();
  }

  function push(id: number, data: Uint8Array): void {
    const stream = streams.get(id);
    if (stream === undefined || stream.hasEnded) return;
    bufferedBytes += data.length;
    if (stream.isOpen) write(stream, data);
    else stream.kept.push(data);
  }

  function finish(id: number): void {
    const stream = streams.get(id);
    if (stream === undefined || stream.hasEnded) return;
    stream.hasEnded = true;
    if (stream.isOpen && stream.socket !== undefined) close(stream.socket);
  }

  return {
    receive: (bytes) => {
      for (const frame of decoder.push(bytes)) {
        switch (frame.command) {
          case "syn":
            open(frame.streamId);
            break;
          case "push":
            push(frame.streamId, frame.data);
            break;
          case "fin":
            finish(frame.streamId);
            break;
          case "nop":
            break;
          default:
            frame satisfies never;
        }
      }
      if (bufferedBytes <= maxBufferedBytes) return undefined;
      room ??= Promise.withResolvers();
      return room.promise;
    },
    disconnect: () => {},
    read: (reads) => {
      isReading = reads;
      for (const { socket } of streams.values()) {
        if (reads) socket?.resume();
        else socket?.pause();
      }
    },
    keepAlive: () => send(encodeSmuxHeader("nop", 0)),
    destroy: () => {
      toDial.length = 0;
      for (const stream of streams.values()) {
        stream.socket?.destroy();
        stream.kept.length = 0;
      }
      streams.clear();
      bufferedBytes = 0;
      room?.resolve();
      room = undefined;
    },
    get openConnections() {
      return streams.values().reduce((count, { isOpen }) => count + (isOpen ? 1 : 0), 0);
    },
  };
}

/** Both directions, after what was written has gone out. */
function close(socket: Socket): void {
  socket.end(() => socket.destroy());
}
