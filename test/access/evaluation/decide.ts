import { runSimulation, runUnsafeSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import type { PolicyDocument } from "../synthesise.ts";

export type Decision = "allow" | "deny" | "explicit deny";

export type Context = Readonly<Record<string, string | readonly string[]>>;

export type Request = {
  /** ARN of who asks. */
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly accountId: string;
  /** Condition keys that AWS has for this request. One that the action does not know is a mistake in the row. */
  readonly context: Context;
  /** Tags of the resource. AWS shows them to those actions alone that know them; which, the engine's data say. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly policies: readonly PolicyDocument[];
  /** Of the resource itself, as a role's trust. */
  readonly resourcePolicy?: PolicyDocument | undefined;
  readonly boundary?: PolicyDocument | undefined;
};

/**
 * Actions of which AWS's service authorization reference, which the engine's data are made from, says less than other pages of
 * AWS do. They are evaluated as they are asked, without a look at the reference.
 */
const beyondReference = new Set([
  // The reference takes no resource for it, the user guide of Session Manager one's own sessions.
  "ssmmessages:OpenDataChannel",
]);

/** Documents of AWS's own belong to no account, of which the reference does not know either. */
function isBeyondReference({ action, resource }: Request): boolean {
  return beyondReference.has(action) || /^arn:[\w-]+:ssm:[\w-]+::document\//.test(resource);
}

/**
 * Claims that every provider has. The reference has keys for them of some providers, and of GitHub's for all others: the engine is given
 * these under names that it knows.
 */
const claims: readonly (readonly [ofGitHub: string, known: string])[] = ["aud", "sub"].map((claim) => [
  `token.actions.githubusercontent.com:${claim}`,
  `accounts.google.com:${claim}`,
]);

function renameClaims<T>(value: T): T {
  return JSON.parse(
    claims.reduce((text, [from, to]) => text.replaceAll(`"${from}"`, `"${to}"`), JSON.stringify(value)),
  ) as T;
}

/** Under what names services show a resource's tags. */
const tagPrefixes = ["aws:ResourceTag", "ssm:resourceTag", "iam:ResourceTag", "ec2:ResourceTag"];

/**
 * What IAM decides, by an engine that nobody here wrote.
 *
 * @throws Error where the engine takes the policies or the request for wrong
 */
export async function decide(asked: Request): Promise<Decision> {
  const request = asked.action === "sts:AssumeRoleWithWebIdentity" ? renameClaims(asked) : asked;
  const { tags = {}, context } = request;
  if (isBeyondReference(request)) return toDecision(runUnsafeSimulation(toSimulation(request, context), {}));
  const tagKeys = Object.entries(tags).flatMap(([key, value]) =>
    tagPrefixes.map((prefix) => [`${prefix}/${key}`, value]),
  );
  const result = await runSimulation(toSimulation(request, { ...Object.fromEntries(tagKeys), ...context }), {});
  if (result.resultType === "error")
    throw new Error(`The engine refuses the request: ${JSON.stringify(result.errors)}`);
  if (result.resultType === "wildcard") throw new Error(`A request is for one resource, not for ${request.resource}.`);
  const unknown = result.result.ignoredContextKeys?.filter((key) => Object.hasOwn(context, key)) ?? [];
  if (unknown.length > 0) throw new Error(`${request.action} has no condition key ${unknown.join(", ")}.`);
  return toDecision(result.overallResult);
}

function toSimulation(request: Request, context: Context): Simulation {
  const { principal, action, resource, accountId, policies, resourcePolicy, boundary } = request;
  return {
    request: {
      principal,
      action,
      resource: { resource, accountId },
      contextVariables: context as Record<string, string | string[]>,
    },
    identityPolicies: policies.map((policy, index) => ({ name: String(index), policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(resourcePolicy === undefined ? {} : { resourcePolicy }),
    ...(boundary === undefined ? {} : { permissionBoundaryPolicies: [{ name: "boundary", policy: boundary }] }),
  };
}

function toDecision(result: "Allowed" | "ExplicitlyDenied" | "ImplicitlyDenied"): Decision {
  switch (result) {
    case "Allowed":
      return "allow";
    case "ExplicitlyDenied":
      return "explicit deny";
    case "ImplicitlyDenied":
      return "deny";
    default:
      return result satisfies never;
  }
}
