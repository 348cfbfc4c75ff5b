import { randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from "node:http";
import * as v from "valibot";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { AwsError } from "../aws/aws-error.ts";
import { loopback } from "../net/free-port.ts";
import { readBody } from "../net/http-body.ts";
import { closeServer, listen } from "../net/http-server.ts";
import type { LambdaHost } from "./host.ts";

export type FunctionUrlOptions = {
  /** 0: any free one. */
  readonly port: number;
  readonly functionName: string;
  readonly lambda: Pick<LambdaHost, "invoke">;
  readonly clock?: Clock;
};

export type FunctionUrl = AsyncDisposable & { readonly url: string };

/** An event may hold 6 MB, and base64 makes four bytes of three. */
const maxBodyBytes = 4 * 1024 * 1024;
const textTypes = /^(?:text\/|application\/(?:json|javascript|xml|x-www-form-urlencoded|[^;]+\+(?:json|xml))\b)/u;
/** The server sets these itself. */
const ownHeaders = new Set(["connection", "content-length", "keep-alive", "transfer-encoding", "set-cookie"]);

const replySchema = v.object({
  statusCode: v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599)),
  headers: v.optional(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])), {}),
  cookies: v.optional(v.array(v.string()), []),
  body: v.optional(v.string(), ""),
  isBase64Encoded: v.optional(v.boolean(), false),
});
type Reply = v.InferOutput<typeof replySchema>;

/**
 * A function URL: each HTTP request becomes an event (payload format 2.0), and the function's reply the response. A
 * function that fails, or replies with something else, is 502 without a word of why: that is in its log.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
export async function startFunctionUrl(options: FunctionUrlOptions): Promise<FunctionUrl> {
  const { functionName, lambda, clock = systemClock } = options;

  async function answer(request: IncomingMessage): Promise<Reply> {
    const body = await readBody(request, maxBodyBytes);
    if (body === undefined) return message(413, "Request Entity Too Large");
    const event = JSON.stringify(toEvent(request, body, clock.wallTime()));
    const result = await lambda.invoke(functionName, event);
    if (result.functionError !== undefined) return message(502, "Internal Server Error");
    return toReply(Buffer.from(result.payload).toString("utf8"));
  }

  const server = createServer((request, response) => {
    answer(request)
      .catch((error: unknown) => refusal(error))
      .then((reply) => send(response, reply))
      .catch(() => response.destroy());
  });
  const { port } = await listen(server, options.port);
  return {
    url: `http://${loopback}:${port}`,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}

function toEvent(request: IncomingMessage, body: Buffer, now: Date): object {
  const [rawPath = "/", rawQueryString = ""] = (request.url ?? "/").split(/\?(.*)/su);
  const { cookie, ...others } = request.headers;
  const headers = Object.fromEntries(
    Object.entries(others).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]),
  );
  const domainName = (request.headers.host ?? "localhost").replace(/:\d+$/u, "");
  const isText = textTypes.test(request.headers["content-type"] ?? "text/plain");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    ...(cookie === undefined ? {} : { cookies: cookie.split(/;\s*/u) }),
    headers,
    ...(rawQueryString === "" ? {} : { queryStringParameters: joinRepeated(new URLSearchParams(rawQueryString)) }),
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      domainName,
      domainPrefix: domainName.split(".")[0],
      http: {
        method: request.method,
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress,
        userAgent: request.headers["user-agent"],
      },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      time: commonLogTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length === 0 ? {} : { body: body.toString(isText ? "utf8" : "base64") }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function joinRepeated(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).join(",")]));
}

/** `21/Nov/2026:09:05:01 +0000` */
function commonLogTime(time: Date): string {
  const [, day, month, year, clock] = time.toUTCString().split(" ");
  return `${day}/${month}/${year}:${clock} +0000`;
}

/**
 * A reply without `statusCode` is the body itself, as JSON.
 *
 * @throws when it is not JSON, not such a reply, or has a header that cannot be sent
 */
function toReply(text: string): Reply {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("statusCode" in value)) {
    const body = typeof value === "string" ? value : text;
    return {
      statusCode: 200,
      headers: { "content-type": "application/json" },
      cookies: [],
      body,
      isBase64Encoded: false,
    };
  }
  const reply = v.parse(replySchema, value);
  for (const [name, header] of Object.entries(reply.headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, String(header));
  }
  for (const cookie of reply.cookies) validateHeaderValue("set-cookie", cookie);
  return reply;
}

/** The two refusals that are the client's own doing; of everything else it learns nothing. */
function refusal(error: unknown): Reply {
  const statusCode = error instanceof AwsError ? error.statusCode : 502;
  switch (statusCode) {
    case 413:
      return message(413, "Request Entity Too Large");
    case 429:
      return message(429, "Too Many Requests");
    default:
      return message(502, "Internal Server Error");
  }
}

function message(statusCode: number, text: string): Reply {
  const body = JSON.stringify({ message: text });
  return { statusCode, headers: { "content-type": "application/json" }, cookies: [], body, isBase64Encoded: false };
}

function send(response: ServerResponse, reply: Reply): void {
  const body = Buffer.from(reply.body, reply.isBase64Encoded ? "base64" : "utf8");
  response.statusCode = reply.statusCode;
  for (const [name, value] of Object.entries(reply.headers)) {
    if (!ownHeaders.has(name.toLowerCase())) response.setHeader(name, String(value));
  }
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "application/json");
  if (reply.cookies.length > 0) response.setHeader("set-cookie", reply.cookies);
  if (reply.statusCode !== 204 && reply.statusCode !== 304) response.setHeader("content-length", body.length);
  response.end(body);
}
