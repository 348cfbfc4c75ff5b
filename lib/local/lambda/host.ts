import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { AwsError } from "../aws/aws-error.ts";
import type { FunctionConfig } from "./environment.ts";
import { createEventQueue, type EventQueue } from "./event-queue.ts";
import { createFunctionPool, type FunctionPool, type LogEntry } from "./function-pool.ts";
import { maxAsyncPayloadBytes, maxSyncPayloadBytes } from "./limits.ts";

export type HostedFunction = FunctionConfig & {
  /** Environments at once. Default: 10. */
  readonly maxConcurrency?: number;
  /** Load the code at once, not with the first event. Default: false. */
  readonly prewarm?: boolean;
};

export type LambdaHostOptions = {
  readonly functions: readonly HostedFunction[];
  readonly onLog: (entry: LogEntry) => void;
  /** Default: `local`, which no AWS region is called. */
  readonly region?: string;
  readonly accountId?: string;
  readonly clock?: Clock;
};

type InvokeOptions = {
  /** Default: `RequestResponse`. */
  readonly invocationType?: "RequestResponse" | "Event";
  readonly logTail?: boolean;
};

/** As the Invoke API answers. */
export type InvokeResult = {
  readonly statusCode: 200 | 202;
  readonly payload: Uint8Array;
  readonly functionError?: "Unhandled";
  /** Base64, the last 4 KB. */
  readonly logTail?: string;
  readonly executedVersion: string;
  readonly requestId: string;
};

export type LambdaHost = AsyncDisposable & {
  has(name: string): boolean;
  /**
   * @throws AwsError `ResourceNotFoundException`, `InvalidRequestContentException`, `RequestTooLargeException`,
   *   `TooManyRequestsException`
   */
  invoke(name: string, payload: Uint8Array | string, options?: InvokeOptions): Promise<InvokeResult>;
};

const defaults = Object.freeze({ maxConcurrency: 10, region: "local", accountId: "000000000000" });

type Running = { readonly pool: FunctionPool; readonly queue: EventQueue };

/**
 * Runs Lambda bundles on this machine under AWS's own runtime client, each event in an environment of its own process.
 * Disposing kills the environments and waits until they are gone; they also go when this process does, however it ends.
 */
export async function startLambdaHost(options: LambdaHostOptions): Promise<LambdaHost> {
  const region = options.region ?? defaults.region;
  const accountId = options.accountId ?? defaults.accountId;
  const running = new Map<string, Running>();
  for (const config of options.functions) {
    const pool = createFunctionPool({
      config,
      maxConcurrency: config.maxConcurrency ?? defaults.maxConcurrency,
      region,
      accountId,
      clock: options.clock ?? systemClock,
      onLog: options.onLog,
    });
    running.set(config.name, { pool, queue: createEventQueue(pool) });
  }
  const prewarming = options.functions
    .filter((config) => config.prewarm === true)
    .map((config) =>
      running
        .get(config.name)
        ?.pool.prewarm()
        .catch(() => {}),
    );

  return {
    has: (name) => running.has(name),
    invoke: async (name, payload, { invocationType = "RequestResponse", logTail = false } = {}) => {
      const target = running.get(name);
      if (target === undefined) {
        const arn = `arn:aws:lambda:${region}:${accountId}:function:${name}`;
        throw new AwsError("ResourceNotFoundException", `Function not found: ${arn}`, {
          statusCode: 404,
          details: { Type: "User" },
        });
      }
      const event = checkPayload(payload, invocationType);
      if (invocationType === "Event") {
        const requestId = randomUUID();
        target.queue.add(event, requestId);
        return { statusCode: 202, payload: new Uint8Array(), executedVersion: "$LATEST", requestId };
      }
      const result = await target.pool.run(event).finally(() => target.queue.drain());
      return {
        statusCode: 200,
        payload: result.payload,
        ...(result.isError ? { functionError: "Unhandled" as const } : {}),
        ...(logTail ? { logTail: result.logTail } : {}),
        executedVersion: "$LATEST",
        requestId: result.requestId,
      };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...running.values()].map(({ pool }) => pool[Symbol.asyncDispose]()));
      await Promise.all([...prewarming, ...[...running.values()].map(({ queue }) => queue.settled())]);
    },
  };
}

/** The event as the function gets it; no payload at all is `{}`. */
function checkPayload(payload: Uint8Array | string, invocationType: "RequestResponse" | "Event"): Uint8Array {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  const maxBytes = invocationType === "Event" ? maxAsyncPayloadBytes : maxSyncPayloadBytes;
  if (bytes.length > maxBytes) {
    const message = `${bytes.length} byte payload is too large for the ${invocationType} invocation type (limit ${maxBytes} bytes)`;
    throw new AwsError("RequestTooLargeException", message, { statusCode: 413, details: { Type: "User" } });
  }
  if (bytes.length === 0) return Buffer.from("{}");
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AwsError("InvalidRequestContentException", `Could not parse request body into json: ${reason}`, {
      details: { Type: "User" },
    });
  }
  return bytes;
}
