import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { loopback } from "../net/free-port.ts";
import { readBody } from "../net/http-body.ts";
import { closeServer, listen } from "../net/http-server.ts";
import { maxSyncPayloadBytes } from "./limits.ts";

/** One event on its way into an environment. */
export type RuntimeEvent = {
  readonly requestId: string;
  readonly payload: Uint8Array;
  /** Unix time in milliseconds. */
  readonly deadlineMs: number;
  readonly functionArn: string;
};

/** What the runtime client posted back. */
export type RuntimeResult = { readonly payload: Uint8Array; readonly isError: boolean };

export type RuntimeApiOptions = {
  /** The runtime is free and waits: `send` hands it an event, once. */
  readonly onPoll: (send: (event: RuntimeEvent) => void) => void;
  readonly onResult: (requestId: string, result: RuntimeResult) => void;
  readonly onInitError: (payload: Uint8Array) => void;
};

export type RuntimeApi = AsyncDisposable & {
  /** `host:port`, as AWS_LAMBDA_RUNTIME_API has it. */
  readonly address: string;
  /** What each request must carry in `runtimeSecretHeader`. */
  readonly secret: string;
};

/** Sent by `rapid-client.mjs`, which knows this name as well. */
const runtimeSecretHeader = "postern-runtime-secret";

const prefix = "/2018-06-01/runtime";
const errorTypeTrailer = "lambda-runtime-function-error-type";
const errorBodyTrailer = "lambda-runtime-function-error-body";

/**
 * AWS's runtime API for one environment, on a loopback port of its own: on Lambda, too, each environment sees only
 * itself. There nobody else is on that loopback; here every user of the machine is, so each request must carry the secret
 * that only the environment was given, or it is 403. What the client may post is small and fixed; anything else is 404.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export async function startRuntimeApi(options: RuntimeApiOptions): Promise<RuntimeApi> {
  const secret = randomBytes(32).toString("base64url");
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    if (!isSecret(request.headers[runtimeSecretHeader], secret)) return reply(response, 403);
    answer(request, response, options).catch(() => response.destroy());
    return undefined;
  });
  const { port } = await listen(server, 0);
  return {
    address: `${loopback}:${port}`,
    secret,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: RuntimeApiOptions): Promise<void> {
  const path = request.url ?? "";
  if (request.method === "GET" && path === `${prefix}/invocation/next`) {
    options.onPoll((event) => sendEvent(response, event));
    return undefined;
  }
  if (request.method !== "POST") return reply(response, 404);
  if (path === `${prefix}/init/error`) {
    options.onInitError((await readBody(request, maxSyncPayloadBytes)) ?? new Uint8Array());
    return reply(response, 202);
  }
  const match = /^\/invocation\/([^/]+)\/(response|error)$/u.exec(path.slice(prefix.length));
  const requestId = match?.[1];
  if (!path.startsWith(prefix) || match === null || requestId === undefined) return reply(response, 404);

  const payload = await readBody(request, maxSyncPayloadBytes);
  if (payload === undefined) {
    options.onResult(requestId, tooLarge());
    return reply(response, 413);
  }
  options.onResult(requestId, streamedError(request) ?? { payload, isError: match[2] === "error" });
  return reply(response, 202);
}

function isSecret(given: string | string[] | undefined, secret: string): boolean {
  const [found, expected] = [Buffer.from(String(given)), Buffer.from(secret)];
  return found.length === expected.length && timingSafeEqual(found, expected);
}

function sendEvent(response: ServerResponse, event: RuntimeEvent): void {
  response.writeHead(200, {
    "content-type": "application/json",
    "lambda-runtime-aws-request-id": event.requestId,
    "lambda-runtime-deadline-ms": String(event.deadlineMs),
    "lambda-runtime-invoked-function-arn": event.functionArn,
  });
  response.end(event.payload);
}

/** A handler that streams its response reports a late error in trailers. */
function streamedError(request: IncomingMessage): RuntimeResult | undefined {
  const { [errorTypeTrailer]: type, [errorBodyTrailer]: body } = request.trailers;
  if (type === undefined || body === undefined) return undefined;
  return { payload: Buffer.from(body, "base64"), isError: true };
}

function tooLarge(): RuntimeResult {
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${maxSyncPayloadBytes} bytes).`;
  const payload = Buffer.from(JSON.stringify({ errorType: "Function.ResponseSizeTooLarge", errorMessage }));
  return { payload, isError: true };
}

function reply(response: ServerResponse, statusCode: number): void {
  response.writeHead(statusCode, { "content-type": "application/json" });
  response.end("{}");
}
