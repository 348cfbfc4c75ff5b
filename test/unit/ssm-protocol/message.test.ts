import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  messageOverhead,
  messageTypes,
  payloadTypes,
} from "#lib/ssm-protocol/message.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { ssmMessage, type WireMessage } from "../../support/ssm-bytes.ts";

/** Each field by hand, from the table of the format. */
const goldenBytes = Buffer.from(
  [
    "00000074",
    "696e7075745f73747265616d5f64617461", // input_stream_data
    "202020202020202020202020202020",
    "00000001",
    "0000018bcfe56800", // 1700000000000
    "0000000000000005",
    "0000000000000000",
    "8899aabbccddeeff", // the second half of the UUID first
    "0011223344556677",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", // SHA-256 of "abc", FIPS 180-2
    "00000001",
    "00000003",
    "616263",
  ].join(""),
  "hex",
);
const golden: Message = {
  type: "input_stream_data",
  createdMs: 1_700_000_000_000,
  sequenceNumber: 5,
  flags: 0,
  id: "00112233-4455-6677-8899-aabbccddeeff",
  payloadType: 1,
  payload: Buffer.from("abc"),
};
const wire: WireMessage = {
  type: "output_stream_data",
  created: 1n,
  sequence: 0n,
  flags: 0n,
  id: "0123456789abcdeffedcba9876543210",
  payloadType: 1,
  payload: Buffer.from("payload"),
};
const violation = (text: string) =>
  expect.objectContaining({ code: "ssm.protocol", message: expect.stringContaining(text) });

describe("encodeMessage", () => {
  test("writes the bytes of the format", () => {
    expect(encodeMessage(golden).toString("hex")).toBe(goldenBytes.toString("hex"));
  });

  test("writes what an encoder of its own writes, for any message", () => {
    const random = seededRandom();
    for (let round = 0; round < 500; round += 1) {
      const message = anyMessage(random.fraction() < 0.1 ? 40_000 : 300);
      expect(encodeMessage(message).equals(ssmMessage(wireOf(message))), `POSTERN_TEST_SEED=${random.seed}`).toBe(true);
    }

    function anyMessage(payloadLimit: number): Message {
      return {
        type: random.pick(Object.values(messageTypes)),
        createdMs: random.below(2 ** 52) + 1,
        sequenceNumber: random.below(Number.MAX_SAFE_INTEGER),
        flags: random.pick([0, 1, 3, 2 ** 40]),
        id: randomUUID(),
        payloadType: random.below(2 ** 32),
        payload: random.bytes(random.below(payloadLimit)),
      };
    }
  });
});

describe("decodeMessage", () => {
  test("reads the bytes of the format", () => {
    expect(decodeMessage(goldenBytes)).toEqual(golden);
  });

  test("reads what was encoded", () => {
    for (const payload of [Buffer.alloc(0), Buffer.from([0x0a]), Buffer.alloc(70_000, 7)]) {
      const message = { ...golden, payload, id: randomUUID(), payloadType: payloadTypes.none };
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    }
  });

  test("reads a message anywhere in a larger buffer, and takes its payload from there", () => {
    const large = Buffer.concat([Buffer.alloc(13, 0xff), goldenBytes, Buffer.alloc(7, 0xff)]);
    const view = new Uint8Array(large.buffer, large.byteOffset + 13, goldenBytes.length);
    const { payload } = decodeMessage(view);
    expect(payload).toEqual(Buffer.from("abc"));
    expect(payload.buffer).toBe(large.buffer);
  });

  test.each([" ", "\0"])("takes a type that is filled up with %j", (padding) => {
    expect(decodeMessage(ssmMessage({ ...wire, padding })).type).toBe("output_stream_data");
  });

  test("takes types, payload types and flags of a newer service", () => {
    const message = decodeMessage(
      ssmMessage({ ...wire, type: "x".repeat(32), payloadType: 0xff_ff_ff_ff, flags: 2n ** 64n - 1n }),
    );
    expect(message).toMatchObject({ type: "x".repeat(32), payloadType: 0xff_ff_ff_ff });
  });

  test("finds the payload behind a longer header", () => {
    expect(decodeMessage(ssmMessage({ ...wire, headerLength: 124 })).payload).toEqual(wire.payload);
  });

  test("takes the payload up to the end of the frame, whatever its length field says", () => {
    for (const payloadLength of [1, 0xff_ff_ff_ff]) {
      expect(decodeMessage(ssmMessage({ ...wire, payloadLength })).payload).toEqual(wire.payload);
    }
  });

  test("looks at the digest only where a payload is announced", () => {
    const digest = Buffer.alloc(32);
    expect(decodeMessage(ssmMessage({ ...wire, digest, payloadLength: 0 })).payload).toEqual(wire.payload);
    expect(() => decodeMessage(ssmMessage({ ...wire, digest }))).toThrow(violation("does not have the digest"));
  });

  test.each(["start_publication", "pause_publication"])("takes an empty %s as it comes", (type) => {
    const bare = { ...wire, type, created: 0n, sequence: -1n, digest: Buffer.alloc(32) };
    expect(decodeMessage(ssmMessage(bare)).type).toBe(type);
  });

  test.each<[string, Partial<WireMessage>]>([
    ["without a type", { type: "" }],
    ["whose type is not a word", { type: "ack\u001B[2J" }],
    ["whose type is not a word", { type: "input\0stream" }],
    ["without a time", { created: 0n }],
    ["the sequence number -1", { sequence: -1n }],
    ["the sequence number 9007199254740992", { sequence: 2n ** 53n }],
    ["the sequence number -9223372036854775808", { sequence: 2n ** 63n }],
  ])("refuses a message %s", (text, fields) => {
    expect(() => decodeMessage(ssmMessage({ ...wire, ...fields }))).toThrow(violation(text));
  });

  test.each([0, 1, 115, 0x7f_ff_ff_ff, 0xff_ff_ff_ff, goldenBytes.length - 3])(
    "refuses a header length of %i",
    (headerLength) => {
      const bytes = Buffer.from(goldenBytes);
      bytes.writeUInt32BE(headerLength, 0);
      expect(() => decodeMessage(bytes)).toThrow(violation(`a header length of ${headerLength}`));
    },
  );

  test("refuses a message that was cut at any byte", () => {
    const whole = ssmMessage(wire);
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => decodeMessage(whole.subarray(0, length))).toThrow(violation(""));
    }
  });

  test("refuses a payload of which one bit was turned", () => {
    for (let bit = 0; bit < wire.payload.length * 8; bit += 1) {
      const bytes = ssmMessage(wire);
      const at = messageOverhead + Math.floor(bit / 8);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (bit % 8)), at);
      expect(() => decodeMessage(bytes)).toThrow(violation("digest"));
    }
  });
});

function wireOf(message: Message): WireMessage {
  return {
    type: message.type,
    created: BigInt(message.createdMs),
    sequence: BigInt(message.sequenceNumber),
    flags: BigInt(message.flags),
    id: message.id.replaceAll("-", ""),
    payloadType: message.payloadType,
    payload: Buffer.from(message.payload),
  };
}
