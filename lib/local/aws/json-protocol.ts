import * as v from "valibot";
import { AwsError } from "./aws-error.ts";
import type { AwsService, Refusal } from "./protocol.ts";
import { type AwsRequest, type AwsResponse, singleHeader } from "./request.ts";

/** Takes the input as sent, gives the output as JSON has it. */
export type JsonOperation = (input: unknown) => Promise<object> | object;

const contentType = "application/x-amz-json-1.1";

/**
 * A service that speaks AWS JSON 1.1: every request is a POST to `/`, the operation is in `X-Amz-Target`, times are
 * seconds since 1970.
 *
 * @see https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
 */
export function jsonService(options: {
  readonly signingName: string;
  /** The part of `X-Amz-Target` before the dot. */
  readonly target: string;
  readonly operations: Readonly<Record<string, JsonOperation>>;
}): AwsService {
  const { signingName, target, operations } = options;
  const nameOf = (request: AwsRequest) => singleHeader(request, "x-amz-target")?.slice(target.length + 1);
  return {
    signingName,
    isCalledBy: (request) => singleHeader(request, "x-amz-target")?.startsWith(`${target}.`) === true,
    handle: async (request, requestId) => {
      const name = nameOf(request) ?? "";
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
      if (operation === undefined) throw new AwsError("UnknownOperationException", `Not offered here: ${name}`);
      return respond(200, requestId, await operation(parseBody(request)));
    },
    fail: (error, requestId) =>
      respond(error.statusCode, requestId, { __type: error.code, ...error.details, message: error.message }),
    actionOf: nameOf,
    refuse,
  };
}

/** An input that lacks a member or has a wrong one, in the words of AWS. */
export function parseMembers<Schema extends v.GenericSchema>(schema: Schema, input: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? "input"}: ${issue.message}`);
  throw new AwsError("ValidationException", `${problems.length} validation error(s) detected: ${problems.join("; ")}`);
}

export function refuse(refusal: Refusal): AwsError {
  switch (refusal.kind) {
    case "missing":
      return new AwsError("MissingAuthenticationTokenException", "Missing Authentication Token");
    case "unknown-key":
      return new AwsError("UnrecognizedClientException", "The security token included in the request is invalid.");
    case "mismatch":
      return new AwsError("InvalidSignatureException", "The request signature does not match the one calculated here.");
    case "expired":
      return new AwsError("InvalidSignatureException", "Signature expired: the time of the request is too far off.");
    case "session-expired":
      return new AwsError("ExpiredTokenException", "The security token included in the request is expired");
    case "denied":
      return new AwsError("AccessDeniedException", refusal.message);
    default:
      return refusal satisfies never;
  }
}

function parseBody(request: AwsRequest): unknown {
  try {
    return JSON.parse(request.body.toString("utf8"));
  } catch {
    throw new AwsError("SerializationException", "The body is not JSON.");
  }
}

function respond(statusCode: number, requestId: string, body: object): AwsResponse {
  return {
    statusCode,
    headers: { "content-type": contentType, "x-amzn-requestid": requestId },
    body: JSON.stringify(body),
  };
}
