import type { AwsError } from "./aws-error.ts";
import type { AwsRequest, AwsResponse } from "./request.ts";
import type { SignatureVerdict } from "./signature.ts";

/** One service of the endpoint. */
export type AwsService = {
  /** As in the scope of a signature. */
  readonly signingName: string;
  /** Whether a request is meant for this service, judged by its shape. */
  readonly isCalledBy: (request: AwsRequest) => boolean;
  readonly handle: (request: AwsRequest, requestId: string) => Promise<AwsResponse>;
  readonly fail: (error: AwsError, requestId: string) => AwsResponse;
  /** The operation that is asked for, as IAM names it; undefined where it is none of those that are offered. */
  readonly actionOf: (request: AwsRequest) => string | undefined;
  /** What this service says of a caller that it does not serve. */
  readonly refuse: (refusal: Refusal) => AwsError;
};

/** A signature that does not hold, a session that has ended, or what no policy allows. */
export type Refusal =
  | { readonly kind: Exclude<SignatureVerdict, "ok"> | "session-expired" }
  | { readonly kind: "denied"; readonly message: string };
