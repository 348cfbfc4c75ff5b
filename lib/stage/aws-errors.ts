import { type ErrorCode, PosternError } from "#lib/base/errors.ts";
import type { AwsAccess } from "./aws-access.ts";

/**
 * Names of the errors by which AWS, or the SDK before it, says who we are not. Services differ in spelling.
 * Source: "Common error types" in each service's API reference, and `@smithy/core` for `ProviderError`s.
 */
const credentialErrors: ReadonlySet<string> = new Set([
  "AuthFailure",
  "CredentialsProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "IncompleteSignature",
  "IncompleteSignatureException",
  "InvalidAccessKeyId",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "MissingAuthenticationToken",
  "MissingAuthenticationTokenException",
  "RequestExpired",
  "SignatureDoesNotMatch",
  "TokenProviderError",
  "UnrecognizedClientException",
]);

const permissionErrors: ReadonlySet<string> = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "NotAuthorized",
  "UnauthorizedException",
  "UnauthorizedOperation",
]);

/** The connection broke or fell silent after the request was on its way: AWS may or may not have acted on it. */
const unansweredErrors: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "TimeoutError", "ETIMEDOUT"]);

/** Nobody listens at the endpoint. */
const unreachableErrors: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

const localHint = "It was restarted meanwhile, or another holds its port: run this again, or restart `npm run local`.";

export type AwsCall = {
  /** `service:Operation`, as IAM policies write it. */
  readonly name: string;
  readonly access: AwsAccess;
  /** Of the call; tells an abort from a time-out. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Whatever an AWS client threw, in this project's words. The text of a credential error is ours: credential
 * processes put their output into theirs.
 */
export function toAwsError(error: unknown, call: AwsCall): PosternError {
  if (error instanceof PosternError) return error;
  if (call.signal?.aborted === true) {
    return new PosternError("aborted", `${call.name} was stopped before AWS answered.`, { cause: error });
  }
  const { name, message } = describe(error);
  const failed = (code: ErrorCode, text: string, hint?: string) => new PosternError(code, text, { cause: error, hint });

  if (credentialErrors.has(name)) {
    // To sign in would be of no use: each start of the local stage makes keys of its own. They never expire, unless it is broken so.
    const isLocal = call.access.source === "local-stage" && !name.startsWith("Expired");
    const text = isLocal
      ? `${call.name}: the local stage does not know these credentials (${name}).`
      : `${call.name}: AWS has no valid credentials for this call (${name}).`;
    return failed("aws.credentials", text, isLocal ? localHint : undefined);
  }
  if (permissionErrors.has(name)) return failed("aws.permission", `${call.name}: ${message}`);
  if (message === "Region is missing") {
    return failed(
      "config.invalid",
      `${call.name}: no AWS region is set.`,
      "Set AWS_REGION, or a region in the profile.",
    );
  }
  if (isNoUrl(error)) {
    const endpoint = JSON.stringify(error.input);
    return failed(
      "config.invalid",
      `${call.name}: the endpoint ${endpoint} is no URL.`,
      "Check AWS_ENDPOINT_URL, and endpoint_url in the AWS profile.",
    );
  }
  if (unreachableErrors.has(name)) {
    return call.access.source === "local-stage"
      ? failed("stage.not-running", "The local stage left its address behind, but nothing answers there.")
      : failed(
          "aws.failed",
          `${call.name}: AWS cannot be reached (${name}).`,
          "Check the network and AWS_ENDPOINT_URL.",
        );
  }
  if (unansweredErrors.has(name)) return failed("aws.failed", `${call.name}: AWS did not answer (${name}).`);
  return failed("aws.failed", `${call.name}: ${message} (${name})`);
}

/** True where the call may have taken effect although its answer never came. */
export function isUnanswered(error: unknown): boolean {
  return (
    error instanceof PosternError && error.code === "aws.failed" && unansweredErrors.has(describe(error.cause).name)
  );
}

/** Of an endpoint that the SDK found by itself. */
function isNoUrl(error: unknown): error is Error & { readonly input: string } {
  return error instanceof TypeError && "code" in error && error.code === "ERR_INVALID_URL" && "input" in error;
}

/** An error's identity: the errno where there is one, because the SDK wraps those in plain `Error`s. */
function describe(error: unknown): { name: string; message: string } {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  const isErrno = typeof code === "string" && (unansweredErrors.has(code) || unreachableErrors.has(code));
  return { name: isErrno ? code : error.name, message: error.message };
}
