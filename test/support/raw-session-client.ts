import { createHash, randomBytes, randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import { waitFor } from "./wait-for.ts";

/**
 * A client of the data channel that owes nothing to the product's own: bytes written by hand from the table of the
 * protocol. It does no more than it is told, but for acknowledging.
 */
export type RawClient = AsyncDisposable & {
  /** Everything binary that came, in the order it came. */
  readonly received: readonly RawMessage[];
  readonly clientId: string;
  /** The data payloads, each number once and in order, as far as there is no gap. */
  data(): Buffer;
  /** Sends the next number of input_stream_data. */
  input(payload: Uint8Array, payloadType?: number): number;
  /** Sends any message, as it is. */
  send(message: { type: string; sequenceNumber?: number; payloadType?: number; payload?: Uint8Array }): void;
  sendBytes(bytes: Uint8Array | string): void;
  acknowledge(message: RawMessage): void;
  /** Waits for the agent's request, answers it and waits until it is complete. The client's first number is used up. */
  handshake(clientVersion?: string): Promise<void>;
  /** Waits for one that came, whenever that was. */
  find(what: string, isWanted: (message: RawMessage) => boolean): Promise<RawMessage>;
  /** The numbers that the other side acknowledged, in order, repetitions included. */
  acknowledged(): number[];
  /** Dials the same session again; the old socket is left as it is. */
  reopen(access: RawAccess): Promise<void>;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: WebSocket;
};

export type RawMessage = {
  readonly type: string;
  readonly schemaVersion: number;
  readonly createdMs: number;
  readonly sequenceNumber: number;
  readonly flags: number;
  readonly id: string;
  readonly payloadType: number;
  readonly payload: Buffer;
  /** Whether the digest in the header is that of the payload. */
  readonly isWhole: boolean;
};

export type RawAccess = { readonly streamUrl: string; readonly tokenValue: string };

/** By number, so that a wrong constant in the product cannot hide. */
const payload = { data: 1, handshakeRequest: 5, handshakeResponse: 6, handshakeComplete: 7, flag: 10 } as const;

export async function openRawClient(
  access: RawAccess,
  options: {
    readonly acknowledges?: boolean;
    readonly headers?: Record<string, string>;
    readonly autoPong?: boolean;
    /** Inputs that are not acknowledged are sent again, all of them, every so often. Default: never. */
    readonly resendMs?: number;
  } = {},
): Promise<RawClient> {
  const { acknowledges = true } = options;
  const clientId = randomUUID();
  const received: RawMessage[] = [];
  const unacknowledged = new Map<number, Parameters<typeof send>[0]>();
  let nextNumber = 0;
  let { socket, closed } = await dial(access);

  async function dial({ streamUrl, tokenValue }: RawAccess) {
    const dialled = new WebSocket(streamUrl, { headers: options.headers ?? {}, autoPong: options.autoPong ?? true });
    const end = Promise.withResolvers<{ code: number; reason: string }>();
    dialled.on("close", (code, reason) => end.resolve({ code, reason: reason.toString() }));
    dialled.on("message", (bytes: Buffer, isBinary) => {
      if (!isBinary) throw new Error(`Unexpected text: ${bytes.toString()}`);
      const message = read(bytes);
      received.push(message);
      if (message.type === "acknowledge") unacknowledged.delete(acknowledgedNumber(message));
      if (acknowledges && message.type === "output_stream_data") acknowledge(message);
    });
    await new Promise<void>((resolve, reject) => {
      dialled.once("open", resolve);
      dialled.once("error", reject);
    });
    dialled.on("error", () => {});
    dialled.send(
      JSON.stringify({
        MessageSchemaVersion: "1.0",
        RequestId: randomUUID(),
        TokenValue: tokenValue,
        ClientId: clientId,
        ClientVersion: "1.2.677.0",
      }),
    );
    return { socket: dialled, closed: end.promise };
  }

  function send(message: { type: string; sequenceNumber?: number; payloadType?: number; payload?: Uint8Array }): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(write(message));
  }

  function acknowledge({ type, id, sequenceNumber }: RawMessage): void {
    const text = JSON.stringify({
      AcknowledgedMessageType: type,
      AcknowledgedMessageId: id,
      AcknowledgedMessageSequenceNumber: sequenceNumber,
      IsSequentialMessage: true,
    });
    send({ type: "acknowledge", payload: Buffer.from(text) });
  }

  function input(bytes: Uint8Array, payloadType: number = payload.data): number {
    const sequenceNumber = nextNumber;
    nextNumber += 1;
    const message = { type: "input_stream_data", sequenceNumber, payloadType, payload: bytes };
    unacknowledged.set(sequenceNumber, message);
    send(message);
    return sequenceNumber;
  }

  async function find(what: string, isWanted: (message: RawMessage) => boolean): Promise<RawMessage> {
    await waitFor(what, () => received.some(isWanted));
    const found = received.find(isWanted);
    if (found === undefined) throw new Error(what);
    return found;
  }

  const resending =
    options.resendMs === undefined
      ? undefined
      : setInterval(() => {
          for (const message of unacknowledged.values()) send(message);
        }, options.resendMs);

  return {
    received,
    clientId,
    data: () => {
      const byNumber = new Map(
        received.filter(({ type }) => type === "output_stream_data").map((one) => [one.sequenceNumber, one]),
      );
      const parts: Buffer[] = [];
      for (let number = 0, one = byNumber.get(0); one !== undefined; number += 1, one = byNumber.get(number)) {
        if (one.payloadType === payload.data) parts.push(one.payload);
      }
      return Buffer.concat(parts);
    },
    input,
    send,
    sendBytes: (bytes) => socket.send(bytes),
    acknowledge,
    handshake: async (clientVersion = "1.2.677.0") => {
      await find("a handshake request", ({ payloadType }) => payloadType === payload.handshakeRequest);
      const answer = {
        ClientVersion: clientVersion,
        ProcessedClientActions: [{ ActionType: "SessionType", ActionStatus: 1, ActionResult: null, Error: "" }],
        Errors: null,
      };
      input(Buffer.from(JSON.stringify(answer)), payload.handshakeResponse);
      await find("the handshake's end", ({ payloadType }) => payloadType === payload.handshakeComplete);
    },
    find,
    acknowledged: () => received.filter(({ type }) => type === "acknowledge").map(acknowledgedNumber),
    reopen: async (again) => {
      ({ socket, closed } = await dial(again));
    },
    get closed() {
      return closed;
    },
    get socket() {
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(resending);
      socket.terminate();
      await closed;
    },
  };
}

function acknowledgedNumber({ payload: text }: RawMessage): number {
  const { AcknowledgedMessageSequenceNumber } = JSON.parse(text.toString()) as {
    AcknowledgedMessageSequenceNumber: number;
  };
  return AcknowledgedMessageSequenceNumber;
}

/** One smux frame: version, command (0 SYN, 1 FIN, 2 PSH, 3 NOP), length and stream id, little-endian. */
export function smuxFrame(command: 0 | 1 | 2 | 3, streamId: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const { length } = data;
  const id = [streamId & 255, (streamId >> 8) & 255, (streamId >> 16) & 255, (streamId >> 24) & 255];
  return Buffer.concat([Buffer.from([1, command, length & 255, length >> 8, ...id]), data]);
}

/** The frames in a client's data: "syn 3", "fin 3", and what was pushed, by stream. */
export function readSmux(bytes: Buffer): { frames: string[]; data: Map<number, Buffer> } {
  const frames: string[] = [];
  const data = new Map<number, Buffer>();
  for (let offset = 0; offset + 8 <= bytes.length;) {
    const [version = 0, command = 0, low = 0, high = 0, a = 0, b = 0, c = 0, d = 0] = bytes.subarray(
      offset,
      offset + 8,
    );
    const length = low + high * 256;
    const id = a + b * 256 + c * 65_536 + d * 16_777_216;
    if (version !== 1) throw new Error(`version ${version}`);
    if (offset + 8 + length > bytes.length) break;
    frames.push(`${["syn", "fin", "psh", "nop"][command]} ${id}`);
    if (command === 2) {
      const part = bytes.subarray(offset + 8, offset + 8 + length);
      data.set(id, Buffer.concat([data.get(id) ?? Buffer.alloc(0), part]));
    }
    offset += 8 + length;
  }
  return { frames, data };
}

/** Offsets and widths are those of the protocol's table, big-endian. */
function write(message: { type: string; sequenceNumber?: number; payloadType?: number; payload?: Uint8Array }): Buffer {
  const body = message.payload ?? Buffer.alloc(0);
  return Buffer.concat([
    uint(116, 4),
    Buffer.from(message.type.padEnd(32, " ")),
    uint(1, 4),
    uint(Date.now(), 8),
    uint(message.sequenceNumber ?? 0, 8),
    uint(message.type === "acknowledge" ? 3 : 0, 8),
    randomBytes(16),
    createHash("sha256").update(body).digest(),
    uint(message.payloadType ?? 0, 4),
    uint(body.length, 4),
    body,
  ]);
}

function read(bytes: Buffer): RawMessage {
  const headerLength = readUint(bytes, 0, 4);
  const body = bytes.subarray(headerLength + 4);
  const [second, first] = [bytes.toString("hex", 64, 72), bytes.toString("hex", 72, 80)];
  return {
    type: bytes.toString("latin1", 4, 36).replace(/[\0 ]+$/u, ""),
    schemaVersion: readUint(bytes, 36, 4),
    createdMs: readUint(bytes, 40, 8),
    sequenceNumber: readUint(bytes, 48, 8),
    flags: readUint(bytes, 56, 8),
    id: `${first.slice(0, 8)}-${first.slice(8, 12)}-${first.slice(12)}-${second.slice(0, 4)}-${second.slice(4)}`,
    payloadType: readUint(bytes, 112, 4),
    payload: body,
    isWhole: createHash("sha256").update(body).digest().equals(bytes.subarray(80, 112)),
  };
}

function uint(value: number, width: number): Buffer {
  return Buffer.from(value.toString(16).padStart(width * 2, "0"), "hex");
}

function readUint(bytes: Buffer, offset: number, width: number): number {
  return Number.parseInt(bytes.toString("hex", offset, offset + width), 16);
}
