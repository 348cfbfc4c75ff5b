import { describe, expect, test } from "vitest";
import { createBackendDecoder, WireViolation } from "#lib/postgres/wire/backend.ts";
import {
  readAuthentication,
  readBackendKey,
  readDataRow,
  readParameterStatus,
  readServerReport,
} from "#lib/postgres/wire/fields.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

/** What a server says in a log-in and a query, written by hand: authentication, parameter, key, ready, row. */
const conversation = Buffer.from(
  [
    "52 00000008 00000000",
    "53 00000008 6e00 7600",
    "4b 0000000c 00000102 a1b2c3d4",
    "5a 00000005 49",
    "44 00000010 0002 ffffffff 00000002 7879",
    "32 00000004",
  ]
    .join("")
    .replaceAll(" ", ""),
  "hex",
);

function decodeInParts(bytes: Buffer, cuts: readonly number[]): string[] {
  const decoder = createBackendDecoder();
  const seen: string[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    for (const { letter, body } of decoder.push(bytes.subarray(from, cut))) seen.push(letter + body.toString("hex"));
    from = cut;
  }
  expect(decoder.pendingBytes()).toBe(0);
  return seen;
}

const whole = ["R00000000", "S6e007600", "K00000102a1b2c3d4", "Z49", "D0002ffffffff000000027879", "2"];

describe("the decoder", () => {
  test("gives each message once, also one without a body at the end", () => {
    expect(decodeInParts(conversation, [])).toEqual(whole);
  });

  test("gives the same wherever the stream is cut", () => {
    for (let cut = 0; cut <= conversation.length; cut += 1) {
      expect(decodeInParts(conversation, [cut])).toEqual(whole);
    }
    expect(
      decodeInParts(
        conversation,
        Array.from(conversation, (_, index) => index),
      ),
    ).toEqual(whole);
  });

  test.each([
    ["a letter that no server sends", "58 00000004", /first byte/],
    ["a length below four", "52 00000003", /length 3/],
    ["a negative length", "52 ffffffff", /length -1/],
    ["two gigabytes", "44 7fffffff", /2147483647 bytes/],
    ["HTTP", Buffer.from("HTTP/1.1 400 Bad Request").toString("hex"), /bytes/],
  ])("refuses %s before it collects anything", (_, hex, text) => {
    const decoder = createBackendDecoder();
    const push = () => decoder.push(Buffer.from(hex.replaceAll(" ", ""), "hex"));
    expect(push).toThrow(WireViolation);
    expect(() => createBackendDecoder().push(Buffer.from(hex.replaceAll(" ", ""), "hex"))).toThrow(text);
  });

  test("takes what it was told to take at most", () => {
    const message = Buffer.concat([Buffer.from("44000003ec", "hex"), Buffer.alloc(1000)]);
    expect(createBackendDecoder({ maxMessageBytes: 1004 }).push(message)).toHaveLength(1);
    expect(() => createBackendDecoder({ maxMessageBytes: 1003 }).push(message)).toThrow(WireViolation);
  });

  test("a hundred thousand broken conversations end with a violation or in waiting, and never otherwise", () => {
    const random = seededRandom();
    for (let round = 0; round < 100_000; round += 1) {
      const bytes = Buffer.from(conversation);
      for (let change = 0; change <= random.below(4); change += 1)
        bytes[random.below(bytes.length)] = random.below(256);
      const decoder = createBackendDecoder({ maxMessageBytes: 4096 });
      try {
        for (const { letter, body } of decoder.push(bytes.subarray(0, random.below(bytes.length + 1))))
          read(letter, body);
        expect(decoder.pendingBytes()).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        if (!(error instanceof WireViolation)) throw new Error(`seed ${random.seed}`, { cause: error });
      }
    }
  });
});

function read(letter: string, body: Buffer): void {
  if (letter === "R") readAuthentication(body);
  if (letter === "S") readParameterStatus(body);
  if (letter === "K") readBackendKey(body);
  if (letter === "D") readDataRow(body);
  if (letter === "E" || letter === "N") readServerReport(body);
}

function bytesOf(hex: string, ...texts: string[]): Buffer {
  return Buffer.concat([Buffer.from(hex, "hex"), Buffer.from(texts.join("\0"), "utf8")]);
}

describe("the bodies", () => {
  test("authentication", () => {
    expect(readAuthentication(bytesOf("00000000"))).toEqual({ kind: "ok" });
    expect(readAuthentication(bytesOf("00000003"))).toEqual({ kind: "cleartext" });
    expect(readAuthentication(bytesOf("00000005a1b2c3d4"))).toEqual({ kind: "md5", salt: bytesOf("a1b2c3d4") });
    expect(readAuthentication(bytesOf("0000000a", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "\0"))).toEqual({
      kind: "sasl",
      mechanisms: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
    });
    expect(readAuthentication(bytesOf("0000000b", "r=x"))).toEqual({ kind: "sasl-continue", data: Buffer.from("r=x") });
    expect(readAuthentication(bytesOf("0000000c", "v=x"))).toEqual({ kind: "sasl-final", data: Buffer.from("v=x") });
    expect(readAuthentication(bytesOf("00000007"))).toEqual({ kind: "other", code: 7 });
    expect(() => readAuthentication(bytesOf("00"))).toThrow(WireViolation);
    expect(() => readAuthentication(bytesOf("00000005a1"))).toThrow(/MD5 salt of 1 bytes/);
  });

  test("errors: what is not translated comes before what is, and what may quote a row is left out", () => {
    const report = bytesOf("", "SFEHLER", "VERROR", "C23505", "Mdoppelt", "DKey (email)=(a@b) exists", "", "");
    expect(readServerReport(report)).toEqual({ severity: "ERROR", sqlState: "23505", message: "doppelt" });
    expect(() => readServerReport(bytesOf("", "SERROR"))).toThrow(WireViolation);
    expect(() => readServerReport(bytesOf("", "SERROR", ""))).toThrow(/without an end/);
  });

  test("parameters, keys and rows", () => {
    expect(readParameterStatus(bytesOf("", "TimeZone", "UTC", ""))).toEqual({ name: "TimeZone", value: "UTC" });
    expect(readParameterStatus(bytesOf("", "in_hot_standby", "", ""))).toEqual({ name: "in_hot_standby", value: "" });
    expect(readBackendKey(bytesOf("00000102a1b2c3d4"))).toEqual({ processId: 258, secretKey: bytesOf("a1b2c3d4") });
    expect(() => readBackendKey(bytesOf("00000102a1"))).toThrow(WireViolation);
    expect(readDataRow(bytesOf("0002ffffffff0000000278", "y"))).toEqual([null, Buffer.from("xy")]);
    expect(() => readDataRow(bytesOf("0001"))).toThrow(/before its column 1/);
    expect(() => readDataRow(bytesOf("00017fffffff"))).toThrow(/column of length 2147483647/);
    expect(() => readDataRow(bytesOf("0001fffffffe"))).toThrow(/column of length -2/);
  });
});
