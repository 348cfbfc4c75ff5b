import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from "@aws-sdk/client-lambda";
import { PosternError } from "#lib/base/errors.ts";
import { type AwsAccess, clientConfig, sendOptions } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";
import { unwrapReply } from "./error-reply.ts";

export type InvokeOptions = {
  readonly access: AwsAccess;
  readonly functionName: string;
  readonly event: unknown;
  /** Default 65 s: the functions that are waited for end within 60 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
};

const defaultTimeoutMs = 65_000;
const maxMessageLength = 500;

/**
 * Invokes a function once and waits for its reply. Never twice: the SDK's default of three attempts ran a dropped
 * invocation three times.
 *
 * @returns the reply, parsed
 * @throws PosternError the one that the function replied; `lambda.failed` for a crash, a time-out in the function or a
 *   reply that is not JSON; `aws.*`
 */
export async function invokeFunction(options: InvokeOptions): Promise<unknown> {
  const output = await send(options, "RequestResponse");
  const reply = Buffer.from(output.Payload ?? []).toString("utf8");
  if (output.FunctionError !== undefined) {
    throw new PosternError("lambda.failed", `${options.functionName} failed: ${readCrash(reply)}`);
  }
  return unwrapReply(parseReply(reply, options.functionName));
}

/**
 * Hands a function an event and returns once Lambda has queued it.
 *
 * @throws PosternError `aws.*`, `lambda.missing`; when `isUnanswered` holds for it, the event may have been queued all the same
 */
export async function queueEvent(options: InvokeOptions): Promise<void> {
  await send(options, "Event");
}

async function send(options: InvokeOptions, type: "RequestResponse" | "Event"): Promise<InvokeCommandOutput> {
  const { access, functionName, event, signal } = options;
  const requestTimeoutMs = options.timeoutMs ?? (type === "Event" ? 10_000 : defaultTimeoutMs);
  const client = new LambdaClient(clientConfig(access, { requestTimeoutMs, maxAttempts: 1 }));
  try {
    return await client.send(
      new InvokeCommand({
        FunctionName: functionName,
        InvocationType: type,
        Payload: new TextEncoder().encode(JSON.stringify(event)),
      }),
      sendOptions(signal),
    );
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") {
      throw new PosternError("lambda.missing", `lambda:InvokeFunction: ${error.message}`, { cause: error });
    }
    throw toAwsError(error, { name: "lambda:InvokeFunction", access, signal });
  } finally {
    client.destroy();
  }
}

/** What Lambda replies for a function that threw: `{errorType, errorMessage, stackTrace}`. The stack stays there. */
function readCrash(reply: string): string {
  const crash = tryParse(reply);
  const hasMessage = typeof crash === "object" && crash !== null && "errorMessage" in crash;
  const message = hasMessage ? String(crash.errorMessage) : "it gave no reason";
  return (message.split("\n", 1)[0] ?? "").slice(0, maxMessageLength);
}

function parseReply(reply: string, functionName: string): unknown {
  const parsed = tryParse(reply);
  if (parsed !== undefined) return parsed;
  throw new PosternError("lambda.failed", `${functionName} replied with something other than JSON.`);
}

function tryParse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
