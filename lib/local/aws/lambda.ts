import { AwsError } from "./aws-error.ts";
import { refuse } from "./json-protocol.ts";
import type { AwsService } from "./protocol.ts";
import { type AwsResources, isDeleted } from "./resources.ts";
import { type AwsRequest, type AwsResponse, singleHeader } from "./request.ts";

/** Whoever runs the functions, as much of it as the API needs. */
export type LambdaInvoker = {
  has(name: string): boolean;
  /** @throws AwsError for an event that cannot be run */
  invoke(
    name: string,
    payload: Uint8Array,
    options: { readonly invocationType: "RequestResponse" | "Event"; readonly logTail: boolean },
  ): Promise<{
    readonly statusCode: number;
    readonly payload: Uint8Array;
    /** Absent where the function did not fail. */
    readonly functionError?: string;
    /** Base64. */
    readonly logTail?: string;
    readonly executedVersion: string;
    readonly requestId: string;
  }>;
};

const invokePath = /^\/2015-03-31\/functions\/([^/]+)\/invocations\/?$/u;

/**
 * Lambda's REST API: Invoke, in the three invocation types.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export function lambdaService(options: {
  readonly lambda: () => LambdaInvoker | undefined;
  readonly resources: () => AwsResources;
}): AwsService {
  return {
    signingName: "lambda",
    isCalledBy: (request) => request.path.startsWith("/2015-03-31/"),
    handle: async (request, requestId) => {
      const encodedName = request.method === "POST" ? invokePath.exec(request.path)?.[1] : undefined;
      if (encodedName === undefined) {
        throw new AwsError("UnknownOperationException", "Only Invoke is offered here.", { statusCode: 404 });
      }
      const lambda = options.lambda();
      if (lambda === undefined) {
        throw new AwsError("ServiceException", "No functions are running yet.", { statusCode: 500 });
      }
      const name = functionName(decodeURIComponent(encodedName));
      if (isDeleted(options.resources(), "function", name)) throw functionNotFound(name);
      return invoke(lambda, name, request, requestId);
    },
    fail: (error, requestId) => ({
      statusCode: error.statusCode,
      headers: { "content-type": "application/json", "x-amzn-errortype": error.code, "x-amzn-requestid": requestId },
      body: JSON.stringify({ ...error.details, Message: error.message }),
    }),
    actionOf: (request) => (invokePath.test(request.path) ? "InvokeFunction" : undefined),
    refuse: (refusal) => {
      const { code, message } = refuse(refusal);
      return new AwsError(code, message, { statusCode: 403 });
    },
  };
}

async function invoke(
  lambda: LambdaInvoker,
  name: string,
  request: AwsRequest,
  requestId: string,
): Promise<AwsResponse> {
  const invocationType = singleHeader(request, "x-amz-invocation-type") ?? "RequestResponse";
  switch (invocationType) {
    case "DryRun":
      if (!lambda.has(name)) throw functionNotFound(name);
      return { statusCode: 204, headers: { "x-amzn-requestid": requestId }, body: "" };
    case "Event":
    case "RequestResponse": {
      const logTail = singleHeader(request, "x-amz-log-type") === "Tail";
      const result = await lambda.invoke(name, request.body, { invocationType, logTail });
      return {
        statusCode: result.statusCode,
        headers: {
          "content-type": "application/json",
          "x-amz-executed-version": result.executedVersion,
          "x-amzn-requestid": result.requestId,
          ...(result.functionError === undefined ? {} : { "x-amz-function-error": result.functionError }),
          ...(result.logTail === undefined ? {} : { "x-amz-log-result": result.logTail }),
        },
        body: result.payload,
      };
    }
    default:
      throw new AwsError("InvalidParameterValueException", `Unknown invocation type: ${invocationType}`);
  }
}

/** A function is named by its name or its ARN, in full or in part, with or without a qualifier. */
function functionName(id: string): string {
  const parts = id.split(":");
  const marker = parts.indexOf("function");
  return (marker === -1 ? parts[0] : parts[marker + 1]) ?? id;
}

function functionNotFound(name: string): AwsError {
  return new AwsError("ResourceNotFoundException", `Function not found: ${name}`, { statusCode: 404 });
}
