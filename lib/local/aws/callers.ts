import type { Clock } from "#lib/base/clock.ts";
import type { AwsError } from "./aws-error.ts";
import type { AwsService } from "./protocol.ts";
import { judgeReachability } from "./reachability.ts";
import type { AwsRequest } from "./request.ts";
import type { AwsResources } from "./resources.ts";
import { claimedKey, type Credentials, verifySignature } from "./signature.ts";

/** Who calls, and what becomes of the call before any service sees it. */
export type Callers = {
  /** False where the packets of a function do not arrive: it has no way out to AWS. */
  reach(request: AwsRequest, service: AwsService): boolean;
  /**
   * 1. The signature is that of people's key or the functions'.
   * 2. People's session goes on.
   * 3. No action that people may not do.
   *
   * @throws AwsError as the service says it
   */
  admit(request: AwsRequest, service: AwsService): void;
};

type CallerOptions = {
  readonly credentials: Credentials;
  readonly functionCredentials?: Credentials | undefined;
  readonly accountId: string;
  readonly resources: () => AwsResources;
  readonly clock: Clock;
};

export function createCallers(options: CallerOptions): Callers {
  const { credentials, functionCredentials, accountId, resources, clock } = options;
  const isFunction = (request: AwsRequest) =>
    functionCredentials !== undefined && claimedKey(request) === functionCredentials.accessKeyId;

  function findRefusal(request: AwsRequest, service: AwsService): AwsError | undefined {
    const { signingName } = service;
    const signer = isFunction(request) ? (functionCredentials ?? credentials) : credentials;
    const kind = verifySignature(request, { credentials: signer, service: signingName, now: clock.wallTime() });
    if (kind !== "ok") return service.refuse({ kind });
    if (signer !== credentials) return undefined;
    const { hasExpiredSession, deniedActions } = resources();
    if (hasExpiredSession) return service.refuse({ kind: "session-expired" });
    const action = `${signingName}:${service.actionOf(request) ?? ""}`;
    if (!deniedActions.some((denied) => covers(denied, action))) return undefined;
    const user = `arn:aws:iam::${accountId}:user/local`;
    const message = `User: ${user} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`;
    return service.refuse({ kind: "denied", message });
  }

  return {
    // What is for S3 goes by the gateway endpoint of the VPC, not through NAT.
    reach: (request, { signingName }) =>
      signingName === "s3" || !isFunction(request) || judgeReachability(resources()).functionsReachAws,
    admit: (request, service) => {
      const refusal = findRefusal(request, service);
      if (refusal !== undefined) throw refusal;
    },
  };
}

/** As IAM compares: without regard to case, `*` for anything at the end. */
function covers(denied: string, action: string): boolean {
  const [pattern, name] = [denied.toLowerCase(), action.toLowerCase()];
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
