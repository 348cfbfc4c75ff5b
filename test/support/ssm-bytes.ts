import { createHash } from "node:crypto";

/** A message of a data channel, field by field, and nothing made up for its sender. */
export type WireMessage = {
  readonly headerLength?: number;
  readonly type: string;
  /** What fills the type up to 32 bytes. Default: spaces */
  readonly padding?: string;
  readonly created: bigint;
  readonly sequence: bigint;
  readonly flags: bigint;
  /** 32 hexadecimal digits: the UUID, whose halves are swapped here. */
  readonly id: string;
  /** Default: SHA-256 of the payload */
  readonly digest?: Buffer;
  readonly payloadType: number;
  /** Default: that of the payload */
  readonly payloadLength?: number;
  readonly payload: Buffer;
};

/** Written without the product's codec, from the table of the format: big-endian throughout. */
export function ssmMessage(message: WireMessage): Buffer {
  const { headerLength = 116, padding = " ", payload } = message;
  return Buffer.concat([
    number(BigInt(headerLength), 4),
    Buffer.from(message.type.padEnd(32, padding), "latin1"),
    number(1n, 4),
    number(message.created, 8),
    number(message.sequence, 8),
    number(message.flags, 8),
    Buffer.from(message.id.slice(16) + message.id.slice(0, 16), "hex"),
    message.digest ?? createHash("sha256").update(payload).digest(),
    number(BigInt(message.payloadType), 4),
    Buffer.alloc(headerLength - 116),
    number(BigInt(message.payloadLength ?? payload.length), 4),
    payload,
  ]);
}

function number(value: bigint, length: number): Buffer {
  const unsigned = BigInt.asUintN(length * 8, value);
  return Buffer.from(unsigned.toString(16).padStart(length * 2, "0"), "hex");
}
