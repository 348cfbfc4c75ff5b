import { describe, expect, test } from "vitest";
import {
  encodeCancelRequest,
  encodePassword,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeSslRequest,
  encodeStartup,
  encodeTerminate,
} from "#lib/postgres/wire/frontend.ts";

/** Written by hand from PostgreSQL's "Message Formats". */
describe("each message has the bytes that the protocol says", () => {
  test.each([
    ["SSLRequest", encodeSslRequest(), "00000008 04d2162f"],
    [
      "CancelRequest",
      encodeCancelRequest({ processId: 258, secretKey: Buffer.from("a1b2c3d4", "hex") }),
      "00000010 04d2162e 00000102 a1b2c3d4",
    ],
    [
      "StartupMessage",
      encodeStartup({ user: "ann", database: "d" }),
      "0000001d 00030000 7573657200 616e6e00 646174616261736500 6400 00",
    ],
    ["PasswordMessage", encodePassword("é"), "70 00000007 c3a900"],
    [
      "SASLInitialResponse",
      encodeSaslInitialResponse("SCRAM-SHA-256", Buffer.from("n,,")),
      `70 00000019 ${Buffer.from("SCRAM-SHA-256\0").toString("hex")} 00000003 6e2c2c`,
    ],
    ["SASLResponse", encodeSaslResponse(Buffer.from("c=biws")), "70 0000000a 633d62697773"],
    ["Query", encodeQuery("select 1"), "51 0000000d 73656c656374203100"],
    ["Terminate", encodeTerminate(), "58 00000004"],
  ])("%s", (_, bytes, expected) => {
    expect(bytes.toString("hex")).toBe(expected.replaceAll(" ", ""));
  });

  test("a text with a NUL is refused: the server would read the rest as further parameters", () => {
    expect(() => encodeStartup({ user: "ann\0options" })).toThrow(TypeError);
    expect(() => encodeQuery("select 1\0")).toThrow(TypeError);
  });
});
