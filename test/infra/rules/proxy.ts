import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { input, ofType, type Rule } from "./rule.ts";

const proxyType = "aws:rds/proxy:Proxy";
const logins = ["DatabaseAppSecret", "DatabaseHealthSecret"];

function nameInArn(arn: unknown): string {
  return String(arn).split(":").at(-1) ?? "";
}

/** Names of the secrets that a proxy logs in with. */
function loginsOf(proxy: RecordedResource): string[] {
  const auths = (input(proxy, "auths") ?? []) as readonly { secretArn: string }[];
  return auths.map(({ secretArn }) => nameInArn(secretArn)).toSorted();
}

type Statement = { Action: string | string[]; Resource: string | string[]; Effect: string };

/** Every statement of a role: of policies inside and of those that name it. */
function statementsOf(evaluation: Evaluation, role: RecordedResource): Statement[] {
  const inline = (input(role, "inlinePolicies") ?? []) as readonly { policy: string }[];
  const own = ofType(evaluation, "aws:iam/rolePolicy:RolePolicy")
    .filter((policy) => [role.name, `${role.name}-id`].includes(String(input(policy, "role"))))
    .map((policy) => ({ policy: String(input(policy, "policy")) }));
  return [...inline, ...own].flatMap(({ policy }) => (JSON.parse(policy) as { Statement: Statement[] }).Statement);
}

/** Policies that a role has beside its own: nothing of what they allow is in `statementsOf`. */
function attachedTo(evaluation: Evaluation, role: RecordedResource): string[] {
  const inside = (input(role, "managedPolicyArns") ?? []) as readonly string[];
  const beside = ofType(evaluation, "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    .filter(({ options }) => options.dependsOn.includes(role.name))
    .map((attachment) => String(input(attachment, "policyArn")));
  return [...inside, ...beside];
}

function isExactly(found: readonly string[]): boolean {
  return found.toSorted().join() === logins.join();
}

export const proxyRules: readonly Rule[] = [
  {
    id: "proxy-tls",
    title: "The proxy refuses connections without TLS",
    securityHub: ["RDS.43"],
    violations: (evaluation) =>
      ofType(evaluation, proxyType)
        .filter((proxy) => input(proxy, "requireTls") !== true)
        .map(({ name }) => `${name}: takes connections without TLS`),
  },
  {
    id: "proxy-logins",
    title: "The proxy knows the logins of the app and health roles, and not the master's",
    securityHub: [],
    violations: (evaluation) =>
      ofType(evaluation, proxyType)
        .filter((proxy) => !isExactly(loginsOf(proxy)))
        .map((proxy) => `${proxy.name}: logs in with ${loginsOf(proxy).join()}`),
  },
  {
    id: "proxy-role",
    title: "The proxy's role may read its own secrets, and do nothing else",
    securityHub: ["IAM.21"],
    violations: (evaluation) =>
      ofType(evaluation, proxyType).flatMap((proxy) => {
        const role = ofType(evaluation, "aws:iam/role:Role").find(
          ({ name }) => name === nameInArn(input(proxy, "roleArn")),
        );
        if (role === undefined) return [`${proxy.name}: has no role`];
        const statements = statementsOf(evaluation, role);
        const actions = new Set(statements.flatMap(({ Action }) => Action));
        const secrets = statements.flatMap(({ Resource }) => Resource).map(nameInArn);
        const attached = attachedTo(evaluation, role);
        const mayOnlyRead = [...actions].join() === "secretsmanager:GetSecretValue" && attached.length === 0;
        return mayOnlyRead && isExactly(secrets)
          ? []
          : [`${role.name}: may ${[...actions, ...attached].join()} ${secrets.join()}`];
      }),
  },
  {
    id: "proxy-pool",
    title: "The proxy's pool has limits of its own",
    securityHub: [],
    violations: (evaluation) =>
      ofType(evaluation, "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup")
        .filter((pool) => input(pool, "connectionPoolConfig", "maxConnectionsPercent") === undefined)
        .map(({ name }) => `${name}: has AWS's limits`),
  },
];
