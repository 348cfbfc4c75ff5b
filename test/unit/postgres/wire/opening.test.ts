import { expect, test } from "vitest";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { readOpening } from "#lib/postgres/wire/opening.ts";

const message = (code: number, rest = "") => {
  const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(rest)]);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(code, 4);
  return bytes;
};

test.each([
  ["a TLS request", encodeSslRequest(), "encryption-request"],
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
  for (let length = 0; length < 8; length += 1)
    expect(readOpening(encodeSslRequest().subarray(0, length))).toBeUndefined();
});
