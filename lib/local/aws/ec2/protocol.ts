import { AwsError } from "../aws-error.ts";
import type { AwsService } from "../protocol.ts";
import { findOperation, parseForm, type QueryOperation, respond } from "../query-protocol.ts";
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
    // EC2 does not say which part of the credentials was wrong.
    refuse: () =>
      new AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", { statusCode: 401 }),
  };
}
