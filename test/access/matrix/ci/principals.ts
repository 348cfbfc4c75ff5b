import { accountIds, type Principal } from "../row.ts";

type AccountName = keyof typeof accountIds;

/** A job that has taken its environment's role. */
function ciRole(environment: string, account: AccountName, policies: readonly string[]): Principal {
  const role = `postern-access-ci-${environment}`;
  return {
    name: `CI, ${environment}`,
    account,
    arn: `arn:aws:sts::${accountIds[account]}:assumed-role/${role}/GitHubActions`,
    context: {
      "aws:PrincipalArn": `arn:aws:iam::${accountIds[account]}:role/postern-access/${role}`,
      "aws:PrincipalType": "AssumedRole",
    },
    policies: policies.map((policy) => `${role}-${policy}`),
  };
}

const deployPolicies = ["state", "functions", "network", "tags", "database", "roles"];
export const preview = ciRole("preview", "development", deployPolicies);
export const production = ciRole("production", "production", deployPolicies);
export const migrate = ciRole("production-migrate", "production", ["migrate"]);

export function boundaryArn(account: AccountName): string {
  return `arn:aws:iam::${accountIds[account]}:policy/postern-access/postern-boundary`;
}

/** What AWS tells of a role, or of one that is being made, under the boundary. */
export function under(account: AccountName) {
  return { "iam:PermissionsBoundary": boundaryArn(account) };
}
