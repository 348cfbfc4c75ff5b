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
  /** What this service says about a signature that does not hold. */
  readonly refuse: (verdict: Exclude<SignatureVerdict, "ok">) => AwsError;
};
