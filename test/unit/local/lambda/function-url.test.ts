import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import { startFunctionUrl } from "#lib/local/lambda/function-url.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

type Reply = { readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly body: string };
type Sent = {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array;
};

/** Sends one request to a function URL whose function is `reply`; gives the event it got and the response. */
async function send(
  sent: Sent,
  reply: () => object | string,
): Promise<{ event: Record<string, unknown>; response: Reply }> {
  let event: Record<string, unknown> = {};
  await using url = await startFunctionUrl({
    port: 0,
    functionName: "web",
    clock: createDrivenClock(),
    lambda: {
      invoke: async (name, payload) => {
        event = { name, ...JSON.parse(Buffer.from(payload).toString()) };
        const result = reply();
        const isError = typeof result === "object" && "errorType" in result;
        return {
          statusCode: 200,
          payload: Buffer.from(typeof result === "string" ? result : JSON.stringify(result)),
          ...(isError ? { functionError: "Unhandled" as const } : {}),
          executedVersion: "$LATEST",
          requestId: "r",
        };
      },
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const { method = "GET", path = "/", headers = {}, body } = sent;
  request(`${url.url}${path}`, { method, headers, agent: false }, (response) => {
    let text = "";
    response.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
  })
    .on("error", reject)
    .end(body);
  return { response: await promise, event };
}

describe("a request becomes an event of payload format 2.0", () => {
  test("with method, path, query, headers, cookies and time", async () => {
    const { event } = await send(
      { path: "/a%20b/c?x=1&x=2&y=%C3%BC", headers: { "X-Some": "v", cookie: "a=1; b=2", "user-agent": "u" } },
      () => ({ statusCode: 204 }),
    );
    expect(event).toMatchObject({
      name: "web",
      version: "2.0",
      routeKey: "$default",
      rawPath: "/a%20b/c",
      rawQueryString: "x=1&x=2&y=%C3%BC",
      queryStringParameters: { x: "1,2", y: "ü" },
      cookies: ["a=1", "b=2"],
      headers: { "x-some": "v" },
      requestContext: {
        http: { method: "GET", path: "/a%20b/c", protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "u" },
        stage: "$default",
        time: "01/Jan/2026:00:00:00 +0000",
        timeEpoch: Date.UTC(2026, 0, 1),
      },
      isBase64Encoded: false,
    });
    expect(event).not.toHaveProperty("body");
    expect(event.headers).not.toHaveProperty("cookie");
  });

  test.each([
    ["application/json", '{"a":"ü"}', false, '{"a":"ü"}'],
    ["application/octet-stream", Buffer.from([0, 255]), true, "AP8="],
  ])("with a body of %s", async (type, body, isBase64Encoded, expected) => {
    const { event } = await send({ method: "POST", headers: { "content-type": type }, body }, () => ({
      statusCode: 204,
    }));
    expect(event).toMatchObject({ body: expected, isBase64Encoded });
  });
});

describe("a reply becomes a response", () => {
  test("with status, headers, cookies and body", async () => {
    const { response } = await send({}, () => ({
      statusCode: 418,
      headers: { "content-type": "text/plain", "x-n": 1, "transfer-encoding": "chunked" },
      cookies: ["a=1; HttpOnly", "b=2"],
      body: "tea",
    }));
    expect(response).toMatchObject({ status: 418, body: "tea" });
    expect(response.headers).toMatchObject({ "content-type": "text/plain", "x-n": "1", "content-length": "3" });
    expect(response.headers["set-cookie"]).toEqual(["a=1; HttpOnly", "b=2"]);
  });

  test("with a body in base64", async () => {
    const { response } = await send({}, () => ({ statusCode: 200, body: "AP8=", isBase64Encoded: true }));
    expect(response.body).toBe("\u0000\u00FF");
  });

  test.each([
    [{ ok: true }, '{"ok":true}'],
    ['"text"', "text"],
  ])("%j without a status is the body itself", async (reply, body) => {
    const { response } = await send({}, () => reply);
    expect(response).toMatchObject({ status: 200, body, headers: { "content-type": "application/json" } });
  });
});

describe("what goes wrong says nothing of why", () => {
  const internal = { status: 502, body: '{"message":"Internal Server Error"}' };
  test.each([
    ["a function that failed", () => ({ errorType: "Error", errorMessage: "secret" }), internal],
    ["a reply that is none", () => ({ statusCode: "two hundred" }), internal],
    ["a status out of range", () => ({ statusCode: 42 }), internal],
    [
      "a host that failed",
      () => {
        throw new Error("secret");
      },
      internal,
    ],
    [
      "a function at its limit",
      () => {
        throw new AwsError("TooManyRequestsException", "secret", { statusCode: 429 });
      },
      { status: 429, body: '{"message":"Too Many Requests"}' },
    ],
  ])("%s", async (_case, reply, expected) => {
    const { response } = await send({}, reply);
    expect(response).toMatchObject(expected);
    expect(JSON.stringify(response)).not.toContain("secret");
  });

  test("a header that cannot be sent", async () => {
    const { response } = await send({}, () => ({ statusCode: 200, headers: { "x y": "secret" } }));
    expect(response).toMatchObject(internal);
  });

  test("a body above the limit", async () => {
    const { response } = await send({ method: "POST", body: Buffer.alloc(4 * 1024 * 1024 + 1) }, () => ({}));
    expect(response.status).toBe(413);
  });
});
