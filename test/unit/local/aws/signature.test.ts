import { describe, expect, test } from "vitest";
import type { AwsRequest } from "#lib/local/aws/request.ts";
import { verifySignature } from "#lib/local/aws/signature.ts";

/** Requests and signatures of AWS's own Signature Version 4 test suite. */
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const expected = { credentials, service: "service", now: new Date("2015-08-30T12:36:00Z") };
const vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

function signed(signature: string, overrides: Partial<AwsRequest> = {}, scopeOf = "AKIDEXAMPLE/20150830"): AwsRequest {
  return {
    method: "GET",
    path: "/",
    query: new URLSearchParams(),
    body: Buffer.alloc(0),
    ...overrides,
    headers: {
      host: "example.amazonaws.com",
      "x-amz-date": "20150830T123600Z",
      authorization: `AWS4-HMAC-SHA256 Credential=${scopeOf}/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
      ...overrides.headers,
    },
  };
}

test.each([
  ["get-vanilla", vanilla, {}],
  [
    "get-vanilla-query-order-key-case",
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    { query: new URLSearchParams("Param2=value2&Param1=value1") },
  ],
])("the suite's %s holds", (_case, signature, overrides) => {
  expect(verifySignature(signed(signature, overrides), expected)).toBe("ok");
});

describe("a signature does not hold", () => {
  test.each([
    ["another method", { method: "POST" }],
    ["another path", { path: "/other" }],
    ["another query", { query: new URLSearchParams("a=b") }],
    ["another body", { body: Buffer.from("x") }],
    ["another host", { headers: { host: "other.example" } }],
    ["another time on that day", { headers: { "x-amz-date": "20150830T123601Z" } }],
    ["no time", { headers: { "x-amz-date": undefined } }],
    ["a time on another day than the scope's", { headers: { "x-amz-date": "20150831T000000Z" } }],
  ])("for %s", (_case, overrides) => {
    expect(verifySignature(signed(vanilla, overrides), expected)).toBe("mismatch");
  });

  test("under another secret, and for another service", () => {
    const request = signed(vanilla);
    const other = { ...credentials, secretAccessKey: "other" };
    expect(verifySignature(request, { ...expected, credentials: other })).toBe("mismatch");
    expect(verifySignature(request, { ...expected, service: "sts" })).toBe("mismatch");
  });

  test("when host or time are not among the signed headers", () => {
    const authorization = signed(vanilla).headers.authorization?.replace("host;x-amz-date", "host");
    expect(verifySignature(signed(vanilla, { headers: { authorization } }), expected)).toBe("mismatch");
  });
});

test.each([
  [5 * 60, "ok"],
  [5 * 60 + 1, "expired"],
  [-5 * 60 - 1, "expired"],
])("a clock that is %i s off: %s", (seconds, verdict) => {
  const now = new Date(expected.now.getTime() + seconds * 1000);
  expect(verifySignature(signed(vanilla), { ...expected, now })).toBe(verdict);
});

test.each([
  [undefined],
  ["Bearer token"],
  ["AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service, SignedHeaders=host, Signature=00"],
])("%j is no signature", (authorization) => {
  expect(verifySignature(signed(vanilla, { headers: { authorization } }), expected)).toBe("missing");
});

test("a key that is not ours is said to be unknown before anything else is looked at", () => {
  expect(verifySignature(signed("0".repeat(64), {}, "AKIDOTHER/20150830"), expected)).toBe("unknown-key");
});
