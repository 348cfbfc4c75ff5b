import { hash } from "node:crypto";
import { PosternError } from "#lib/base/errors.ts";

/**
 * The binary message of a Session Manager data channel: one to a WebSocket frame, big-endian, the same in both
 * directions. Everything after the first text frame (`open-data-channel.ts`) has this form.
 *
 * | offset | bytes | field | |
 * |---|---|---|---|
 * | 0 | 4 | header length | 116 when sent; the payload length sits at this offset, the payload behind it |
 * | 4 | 32 | message type | ASCII, padded with spaces; NUL and spaces are trimmed |
 * | 36 | 4 | schema version | 1 |
 * | 40 | 8 | created | milliseconds since 1970, never 0 |
 * | 48 | 8 | sequence number | signed; 0 for acknowledgements and control messages |
 * | 56 | 8 | flags | |
 * | 64 | 16 | message id | a UUID whose halves are swapped |
 * | 80 | 32 | payload digest | SHA-256 |
 * | 112 | 4 | payload type | 0 for acknowledgements and control messages |
 * | 116 | 4 | payload length | for information: the payload reaches to the end of the frame |
 * | 120 | n | payload | |
 *
 * @see https://github.com/aws/session-manager-plugin `src/message`
 */
export type Message = {
  readonly type: MessageType;
  readonly createdMs: number;
  readonly sequenceNumber: number;
  /** Of those beyond 2^53, as of such times, the lowest bits are lost; nothing reads them. */
  readonly flags: number;
  /** A UUID in its usual form. */
  readonly id: string;
  /** One of `payloadTypes`, or one of a newer agent. */
  readonly payloadType: number;
  readonly payload: Uint8Array;
};

/** Those of a newer service pass, too: it is for the receiver to leave them alone. */
export type MessageType = (typeof messageTypes)[keyof typeof messageTypes] | (string & {});

export const messageTypes = {
  /** Client to agent. */
  input: "input_stream_data",
  /** Agent to client. */
  output: "output_stream_data",
  acknowledge: "acknowledge",
  /** The service to both ends: the session is over. */
  channelClosed: "channel_closed",
  /** The service to both ends: the other one is there. */
  startPublication: "start_publication",
  /** The service to both ends: the other one is away. */
  pausePublication: "pause_publication",
  /** Agent to service; a client never sees it. */
  agentSessionState: "agent_session_state",
} as const;

export const payloadTypes = {
  none: 0,
  /** Bytes of the session, in both directions. */
  data: 1,
  error: 2,
  handshakeRequest: 5,
  handshakeResponse: 6,
  handshakeComplete: 7,
  encryptionChallengeRequest: 8,
  encryptionChallengeResponse: 9,
  flag: 10,
} as const;

/** Flags of the header. Receivers pass over them, but for agents on Windows, which want 3 on an acknowledgement. */
export const messageFlags = { none: 0, firstOfStream: 1, acknowledgement: 3 } as const;

const headerLength = 116;
const payloadOffset = headerLength + 4;
/** Bytes that a message has besides its payload. */
export const messageOverhead = payloadOffset;
const typeOffset = 4;
const typeLength = 32;

/** In a buffer of its own. */
export function encodeMessage(message: Message): Buffer<ArrayBuffer> {
  const { payload } = message;
  const frame = Buffer.alloc(payloadOffset + payload.length);
  frame.writeUInt32BE(headerLength, 0);
  frame.fill(" ", typeOffset, typeOffset + typeLength);
  frame.write(message.type, typeOffset, typeLength, "latin1");
  frame.writeUInt32BE(1, 36);
  frame.writeBigUInt64BE(BigInt(message.createdMs), 40);
  frame.writeBigInt64BE(BigInt(message.sequenceNumber), 48);
  frame.writeBigUInt64BE(BigInt(message.flags), 56);
  writeMessageId(frame, message.id, 64);
  digestOf(payload).copy(frame, 80);
  frame.writeUInt32BE(message.payloadType, 112);
  frame.writeUInt32BE(payload.length, headerLength);
  frame.set(payload, payloadOffset);
  return frame;
}

/**
 * The payload is a view into the frame, not a copy.
 *
 * 1. The header must be whole, and a payload length must follow it.
 * 2. `start_publication` and `pause_publication` are taken as they come: the service leaves their fields empty.
 * 3. Of the others, type and time must be there, the sequence number must be one that JavaScript can hold, and the
 *    digest must fit where a payload is announced.
 *
 * @throws PosternError `ssm.protocol`
 */
export function decodeMessage(frame: Uint8Array): Message {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (bytes.length < payloadOffset) {
    throw violation(`a message of ${bytes.length} bytes, which is shorter than its header of ${payloadOffset}`);
  }
  const lengthOffset = bytes.readUInt32BE(0);
  if (lengthOffset < headerLength || lengthOffset > bytes.length - 4) {
    throw violation(`a header length of ${lengthOffset} in a message of ${bytes.length} bytes`);
  }
  const type = readType(bytes);
  const payload = bytes.subarray(lengthOffset + 4);
  const createdMs = Number(bytes.readBigUInt64BE(40));
  const sequenceNumber = Number(bytes.readBigInt64BE(48));
  const message: Message = {
    type,
    createdMs,
    sequenceNumber,
    flags: Number(bytes.readBigUInt64BE(56)),
    id: readMessageId(bytes, 64),
    payloadType: bytes.readUInt32BE(112),
    payload,
  };
  if (type === messageTypes.startPublication || type === messageTypes.pausePublication) return message;
  if (type === "") throw violation("a message without a type");
  if (createdMs === 0) throw violation(`a ${type} message without a time`);
  if (!Number.isSafeInteger(sequenceNumber) || sequenceNumber < 0) {
    throw violation(`a ${type} message with the sequence number ${bytes.readBigInt64BE(48)}`);
  }
  if (bytes.readUInt32BE(lengthOffset) !== 0 && !digestOf(payload).equals(bytes.subarray(80, 112))) {
    throw violation(`a ${type} message whose payload (${payload.length} bytes) does not have the digest in its header`);
  }
  return message;
}

/** What the other side sent is not this protocol: "The other side of the session sent …". */
export function violation(what: string): PosternError {
  return new PosternError("ssm.protocol", `The other side of the session sent ${quote(what)}.`);
}

const maxQuoted = 300;

/** The other side's words as they may stand in a message: cut short, on one line, and without power over a terminal. */
export function quote(text: string): string {
  const shown = text.length > maxQuoted ? `${text.slice(0, maxQuoted)}…` : text;
  return shown.replaceAll(/\p{C}/gu, "?");
}

function digestOf(payload: Uint8Array): Buffer {
  return hash("sha256", payload, "buffer");
}

/** Bytes 8 to 15 of the UUID come first, then bytes 0 to 7. */
function writeMessageId(frame: Buffer, id: string, offset: number): void {
  const hex = id.replaceAll("-", "");
  frame.write(hex.slice(16), offset, 8, "hex");
  frame.write(hex.slice(0, 16), offset + 8, 8, "hex");
}

function readMessageId(frame: Buffer, offset: number): string {
  const hex = frame.toString("hex", offset + 8, offset + 16) + frame.toString("hex", offset, offset + 8);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Printable ASCII only: a type is named in errors, and the bytes are a stranger's. */
function readType(frame: Buffer): string {
  const type = frame.toString("latin1", typeOffset, typeOffset + typeLength).replaceAll(/^[\0 ]+|[\0 ]+$/gu, "");
  if (!/^[!-~]*$/u.test(type)) throw violation("a message whose type is not a word");
  return type;
}
