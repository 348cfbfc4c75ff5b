import { input, ofType, type Rule } from "./rule.ts";
import { permissions, roles, texts, trusts } from "./statements.ts";

/** Statements that name no resource, by role policy (end of its logical name aside), with the reason. */
const wildcardResources: Readonly<Record<string, string>> = {
  NetworkInterfaces: "Lambda makes a function's network interfaces with its role, and takes no policy that names them",
  CarrySessions: "AWS takes no resource for the channels of sessions, nor for an instance that registers itself",
};

/** Policies of AWS that roles of ours have, with the reason. */
const managedPolicies: Readonly<Record<string, string>> = {
  AmazonRDSEnhancedMonitoringRole: "RDS takes no other for its monitoring; it writes to one log group of RDS",
};

/**
 * Whether a resource is everything of its kind: `*`, `arn:aws:s3:::*`, `arn:aws:secretsmanager:…:secret:*`. What is inside
 * of something that is named, as the streams of a log group or the objects of a bucket, is named.
 */
function namesNothing(resource: string): boolean {
  const [, , service, , , ...own] = resource.split(":");
  if (own.length === 0) return /[*?]/.test(resource);
  return service === "s3" ? /^[*?]/.test(own.join(":")) : /^(?:[a-z][a-z-]*[:/])?[*?]/.test(own.join(":"));
}

export const permissionRules: readonly Rule[] = [
  {
    id: "roles-trust-services",
    title: "A role trusts services of AWS, and no account",
    securityHub: [],
    vanillaDev: true,
    violations: (evaluation) =>
      trusts(evaluation)
        .filter(({ principals }) => Object.keys(principals).some((kind) => kind !== "Service"))
        .map(({ where, principals }) => `${where}: trusts ${JSON.stringify(principals)}`),
  },
  {
    id: "roles-no-wildcard-actions",
    title: "No role may do what a wildcard covers",
    securityHub: ["IAM.1", "IAM.21"],
    vanillaDev: true,
    violations: (evaluation) =>
      permissions(evaluation)
        .filter(({ effect, actions }) => effect === "Allow" && actions.some((action) => action.includes("*")))
        .map(({ where, actions }) => `${where}: may ${actions.join()}`),
  },
  {
    id: "roles-name-resources",
    title: "A role may act on named resources only",
    securityHub: [],
    vanillaDev: true,
    exceptions: wildcardResources,
    violations: (evaluation) =>
      permissions(evaluation)
        .filter(({ effect, resources }) => effect === "Allow" && resources.some(namesNothing))
        .filter(({ sid }) => !Object.hasOwn(wildcardResources, sid))
        .map(({ where, actions }) => `${where}: may ${actions.join()} on anything`),
  },
  {
    id: "roles-no-managed-policies",
    title: "No role has a policy that AWS writes, and may widen",
    securityHub: [],
    exceptions: managedPolicies,
    violations: (evaluation) => {
      const inside = roles(evaluation).map((role) => ({ role, arns: texts(input(role, "managedPolicyArns")) }));
      const beside = ["rolePolicyAttachment:RolePolicyAttachment", "policyAttachment:PolicyAttachment"]
        .flatMap((type) => ofType(evaluation, `aws:iam/${type}`))
        .map((role) => ({ role, arns: texts(input(role, "policyArn")) }));
      return [...inside, ...beside].flatMap(({ role, arns }) =>
        arns
          .filter((arn) => !Object.hasOwn(managedPolicies, arn.split("/").at(-1) ?? ""))
          .map((arn) => `${role.name}: has ${arn}`),
      );
    },
  },
];
