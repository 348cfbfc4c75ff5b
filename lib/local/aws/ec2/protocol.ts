import { AwsError } from "../aws-error.ts";
import type { AwsService, Refusal } from "../protocol.ts";
import { findOperation, parseForm, type QueryOperation, readAction, respond } from "../query-protocol.ts";
import { plainXmlDocument, xmlDocument } from "../xml.ts";

/**
 * EC2's own variant of AWS Query: no result element, other names, other errors.
 *
 * @see https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
 */
export function ec2Protocol(options: {
  readonly version: string;
  readonly operations: Readonly<Record<string, QueryOperation>>;
}): AwsService {
  const { version, operations } = options;
  return {
    signingName: "ec2",
    isCalledBy: (request) => parseForm(request)?.get("Version") === version,
    handle: async (request, requestId) => {
      const form = parseForm(request) ?? new URLSearchParams();
      const action = form.get("Action") ?? "";
      const result = findOperation(operations, action)(form);
      const namespace = `http://ec2.amazonaws.com/doc/${version}/`;
      return respond(200, requestId, xmlDocument(`${action}Response`, namespace, { requestId, ...result }));
    },
    fail: (error, requestId) => {
      const errors = { Errors: { Error: { Code: error.code, Message: error.message } }, RequestID: requestId };
      return respond(error.statusCode, requestId, plainXmlDocument("Response", errors));
    },
    actionOf: readAction,
    refuse,
  };
}

function refuse(refusal: Refusal): AwsError {
  switch (refusal.kind) {
    case "session-expired":
      return new AwsError("RequestExpired", "Request has expired.");
    case "denied": {
      const message = `You are not authorized to perform this operation. ${refusal.message}`;
      return new AwsError("UnauthorizedOperation", message, { statusCode: 403 });
    }
    // EC2 does not say which part of the credentials was wrong.
    case "missing":
    case "unknown-key":
    case "mismatch":
    case "expired":
      return new AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", {
        statusCode: 401,
      });
    default:
      return refusal satisfies never;
  }
}
