import { AwsError } from "./aws-error.ts";
import type { AwsService, Refusal } from "./protocol.ts";
import { type AwsRequest, type AwsResponse, singleHeader } from "./request.ts";
import { type XmlChildren, xmlDocument } from "./xml.ts";

/** Takes the form as sent, gives the children of the result element. */
export type QueryOperation = (form: URLSearchParams) => XmlChildren;

/**
 * A service that speaks AWS Query: a form in, XML out.
 *
 * @see https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
export function queryService(options: {
  readonly signingName: string;
  /** The API version in the form, which tells the services that speak this protocol apart. */
  readonly version: string;
  readonly namespace: string;
  readonly operations: Readonly<Record<string, QueryOperation>>;
}): AwsService {
  const { signingName, version, namespace, operations } = options;
  return {
    signingName,
    isCalledBy: (request) => parseForm(request)?.get("Version") === version,
    handle: async (request, requestId) => {
      const form = parseForm(request) ?? new URLSearchParams();
      const action = form.get("Action") ?? "";
      const result = findOperation(operations, action)(form);
      const children = { [`${action}Result`]: result, ResponseMetadata: { RequestId: requestId } };
      return respond(200, requestId, xmlDocument(`${action}Response`, namespace, children));
    },
    fail: (error, requestId) => {
      const type = error.statusCode < 500 ? "Sender" : "Receiver";
      const detail = { Type: type, Code: error.code, Message: error.message };
      const body = xmlDocument("ErrorResponse", namespace, { Error: detail, RequestId: requestId });
      return respond(error.statusCode, requestId, body);
    },
    actionOf: readAction,
    refuse,
  };
}

/** The form in the body, or undefined where the body is something else. */
export function parseForm(request: AwsRequest): URLSearchParams | undefined {
  const isForm = singleHeader(request, "content-type")?.startsWith("application/x-www-form-urlencoded") === true;
  return isForm ? new URLSearchParams(request.body.toString("utf8")) : undefined;
}

export function findOperation(operations: Readonly<Record<string, QueryOperation>>, action: string): QueryOperation {
  const operation = Object.hasOwn(operations, action) ? operations[action] : undefined;
  if (operation !== undefined) return operation;
  throw new AwsError("InvalidAction", `The action ${action} is not offered here.`);
}

export function respond(statusCode: number, requestId: string, body: string): AwsResponse {
  return { statusCode, headers: { "content-type": "text/xml", "x-amzn-requestid": requestId }, body };
}

export function readAction(request: AwsRequest): string | undefined {
  return parseForm(request)?.get("Action") ?? undefined;
}

function refuse(refusal: Refusal): AwsError {
  const options = { statusCode: 403 };
  switch (refusal.kind) {
    case "missing":
      return new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", options);
    case "unknown-key":
      return new AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", options);
    case "mismatch":
      return new AwsError("SignatureDoesNotMatch", "The signature does not match the one calculated here.", options);
    case "expired":
      return new AwsError("SignatureDoesNotMatch", "Signature expired: the request's time is too far off.", options);
    case "session-expired":
      return new AwsError("ExpiredToken", "The security token included in the request is expired", options);
    case "denied":
      return new AwsError("AccessDenied", refusal.message, options);
    default:
      return refusal satisfies never;
  }
}
