import { expect, test } from "vitest";
import { fatalErrorResponse, readOpening, sslRequest } from "#lib/postgres/wire.ts";

const message = (code: number, rest = "") => {
  const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(rest)]);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(code, 4);
  return bytes;
};

test.each([
  ["a TLS request", sslRequest, "encryption-request"],
  ["a GSSAPI request", message((1234 << 16) | 5680), "encryption-request"],
  ["a cancel request", message((1234 << 16) | 5678, "pid.key."), "cancel"],
  ["a startup message", message(3 << 16, "user\0ann\0\0"), "startup"],
  ["a startup message of protocol 3.2", message((3 << 16) | 2, "user\0ann\0\0"), "startup"],
  ["a TLS hello", Buffer.from([0x16, 3, 1]), "direct-tls"],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n"), "unknown"],
] as const)("%s is known by its first bytes", (_, bytes, opening) => {
  expect(readOpening(bytes)).toBe(opening);
});

test("too little says nothing yet", () => {
  for (let length = 0; length < 8; length += 1) expect(readOpening(sslRequest.subarray(0, length))).toBeUndefined();
});

test("an error response is what PostgreSQL sends: severity, code, text and hint", () => {
  const bytes = fatalErrorResponse({ sqlState: "57P03", message: "no\0 way", hint: "wait" });
  expect(bytes.toString("latin1", 0, 1)).toBe("E");
  expect(bytes.readUInt32BE(1)).toBe(bytes.length - 1);
  expect(bytes.toString("utf8", 5)).toBe("SFATAL\0VFATAL\0C57P03\0Mno way\0Hwait\0\0");
});
