import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { input, ofType } from "./rule.ts";

export type Statement = {
  /** Logical name of what holds it. */
  readonly where: string;
  readonly sid: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly principals: Readonly<Record<string, readonly string[]>>;
  readonly conditions: Readonly<Record<string, unknown>>;
};

/** Policies of our own: those of one role, group or user, and those that can be attached to any. */
const policyTypes = ["rolePolicy:RolePolicy", "policy:Policy", "groupPolicy:GroupPolicy", "userPolicy:UserPolicy"];

/** What roles may do: their inline policies, in the role or beside it, and policies that may be attached to them. */
export function permissions(evaluation: Evaluation): Statement[] {
  const beside = policyTypes
    .flatMap((type) => ofType(evaluation, `aws:iam/${type}`))
    .flatMap((policy) => parse(policy, input(policy, "policy")));
  const inside = roles(evaluation).flatMap((role) =>
    records(input(role, "inlinePolicies")).flatMap(({ policy }) => parse(role, policy)),
  );
  return [...beside, ...inside];
}

/** Who may take a role. */
export function trusts(evaluation: Evaluation): Statement[] {
  return roles(evaluation).flatMap((role) => parse(role, input(role, "assumeRolePolicy")));
}

export function roles(evaluation: Evaluation): RecordedResource[] {
  return ofType(evaluation, "aws:iam/role:Role");
}

export function parse(holder: RecordedResource, policy: unknown): Statement[] {
  const document = (typeof policy === "string" ? JSON.parse(policy) : policy) as { Statement?: unknown } | undefined;
  return records([document?.Statement].flat()).map((statement) => ({
    where: holder.name,
    sid: texts(statement["Sid"])[0] ?? "",
    effect: String(statement["Effect"]),
    actions: [...texts(statement["Action"]), ...allBut(statement["NotAction"])],
    resources: [...texts(statement["Resource"]), ...allBut(statement["NotResource"])],
    principals:
      statement["Principal"] === "*" || statement["NotPrincipal"] !== undefined
        ? { AWS: ["*"] }
        : Object.fromEntries(Object.entries(statement["Principal"] ?? {}).map(([kind, who]) => [kind, texts(who)])),
    conditions: (statement["Condition"] ?? {}) as Record<string, unknown>,
  }));
}

/** What is said by what it is not is a wildcard. */
function allBut(excluded: unknown): string[] {
  return excluded === undefined ? [] : ["*"];
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value)
    ? value.filter((item): item is Record<string, unknown> => typeof item === "object" && item !== null)
    : [];
}

export function texts(value: unknown): string[] {
  return [value].flat().filter((item): item is string => typeof item === "string");
}
