import process from "node:process";
import { PosternError } from "#lib/base/errors.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { toAwsError } from "#lib/stage/aws-errors.ts";
import type { SessionRequest } from "./session.ts";
import { explainNotConnected } from "./target-state.ts";
import type { UpgradeRefused } from "./upgrade-refused.ts";

export type SessionCall = {
  /** `service:Operation`, as IAM policies write it. */
  readonly name: string;
  /** What it acted on, for people. */
  readonly on: string;
  readonly access: AwsAccess;
  readonly signal?: AbortSignal;
  /** Of StartSession. */
  readonly request?: SessionRequest;
  readonly region?: string | undefined;
};

const maxSkewMs = 5 * 60_000;

/** Whatever a call of Session Manager threw, with what to do about it. */
export async function toSessionError(error: unknown, call: SessionCall): Promise<PosternError> {
  const { name, on, access, signal, request } = call;
  const awsError = toAwsError(error, { name, access, signal });
  if (awsError.code === "aborted" || !(error instanceof Error)) return awsError;

  const skew = skewOf(error);
  if (skew !== undefined) return clockSkew(name, skew, error);
  if (awsError.code === "aws.credentials") {
    const hint = access.source === "local-stage" ? awsError.hint : signInHint(error);
    return new PosternError(awsError.code, awsError.message, { hint, cause: error });
  }
  if (awsError.code === "aws.permission") {
    return new PosternError("aws.permission", `This identity may not ${name} on ${on}. AWS: ${error.message}`, {
      hint: `Ask for a policy that allows ${name} on ${on}.`,
      cause: error,
    });
  }
  if (request === undefined) return awsError;
  switch (error.name) {
    case "TargetNotConnected":
    case "InvalidInstanceId":
    case "InvalidTarget":
      return explainNotConnected(request.target, { access, region: call.region, signal, cause: error });
    case "InvalidDocument":
      return new PosternError("ssm.document-missing", `There is no session document ${request.documentName} here.`, {
        cause: error,
      });
    case "ThrottlingException":
    case "ServiceQuotaExceededException":
      return new PosternError("ssm.session-limit", `${name}: AWS begins no further session: ${error.message}`, {
        cause: error,
      });
    case "InvalidParameters":
      return new PosternError("config.invalid", `${name}: ${error.message}`, { cause: error });
    default:
      return awsError;
  }
}

/** The service refused the WebSocket: its answer says why only by its number. */
export function toUpgradeError(refusal: UpgradeRefused, sessionId: string): PosternError {
  const call = "ssmmessages:OpenDataChannel";
  const skewMs = skewAgainst(refusal.serverDate);
  if (refusal.status === 403 && skewMs !== undefined && Math.abs(skewMs) > maxSkewMs) {
    return clockSkew(call, { ms: skewMs }, refusal);
  }
  if (refusal.status === 401 || refusal.status === 403) {
    return new PosternError(
      "aws.permission",
      `This identity may not ${call} on session/${sessionId} (HTTP ${refusal.status}).`,
      { hint: `Ask for a policy that allows ${call} on the sessions of its user.`, cause: refusal },
    );
  }
  return new PosternError("ssm.lost", `Session Manager did not open the session's channel (HTTP ${refusal.status}).`, {
    cause: refusal,
  });
}

/** `ms`: by how much this machine's clock is ahead; undefined where AWS did not tell its time. */
type Skew = { readonly ms: number | undefined };

/**
 * The words of AWS: "Signature expired: 20260131T… is now earlier than …", "Signature not yet current: …". Services that
 * have an error of their own for it name it below.
 */
function skewOf(error: Error): Skew | undefined {
  const isSkew =
    ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"].includes(error.name) ||
    /Signature (?:expired|not yet current)/u.test(error.message);
  if (!isSkew) return undefined;
  const { $response } = error as { $response?: { headers?: Record<string, string> } };
  return { ms: skewAgainst($response?.headers?.["date"]) };
}

function skewAgainst(serverDate: string | undefined): number | undefined {
  const ms = Date.now() - Date.parse(serverDate ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}

function clockSkew(name: string, { ms }: Skew, cause: Error): PosternError {
  const by =
    ms === undefined
      ? "is wrong by more than five minutes"
      : `is ${Math.round(Math.abs(ms) / 60_000)} minutes ${ms > 0 ? "ahead of" : "behind"} AWS's`;
  return new PosternError("aws.clock-skew", `${name}: the clock of this machine ${by}.`, { cause });
}

/** A profile that signs in through IAM Identity Center says so in the SDK's words; they are not passed on. */
function signInHint(error: Error): string | undefined {
  if (!/\bsso\b/iu.test(error.message)) return undefined;
  const profile = process.env["AWS_PROFILE"] ?? "";
  return profile === "" ? "Run `aws sso login`." : `Run \`aws sso login --profile ${profile}\`.`;
}
