import { CfnOIDCProvider, CfnRole } from "aws-cdk-lib/aws-iam";
import type { Stack } from "aws-cdk-lib";
import { accessPath, boundaryName } from "#lib/contract.ts";
import { boundary } from "./ci/boundary.ts";
import { mayMakeDatabase } from "./ci/deploy/database.ts";
import { mayMakeFunctions } from "./ci/deploy/functions.ts";
import { mayMakeNetwork } from "./ci/deploy/network.ts";
import { mayTagNetwork } from "./ci/deploy/network-tags.ts";
import { mayMakeRoles } from "./ci/deploy/roles.ts";
import { mayKeepState } from "./ci/deploy/state.ts";
import { mayWatch } from "./ci/deploy/watch.ts";
import { mayMigrate } from "./ci/migrate.ts";
import { iamArn } from "./arn.ts";
import { declareManagedPolicy } from "./managed-policy.ts";
import { ciRoleName, environmentId } from "./names.ts";
import { type Scope } from "./ci/place.ts";
import { audience, githubIssuer, trustOf } from "./ci/trust.ts";
import type { AccessSettings, Account } from "./settings.ts";
import { policyDocument, type Statement } from "./statement.ts";

const shorter = "An environment for fewer stages makes it shorter.";

/**
 * How CI deploys without a stored key: GitHub's OIDC provider, the boundary, and a role for each environment.
 *
 * A role of CI can change neither the boundary nor anything else of the baseline, itself among it, and every role that it makes is
 * under the boundary. What it deploys it can change at will, the runner's code too: whoever may push to an environment's
 * branch can do to its stages what the runner can.
 */
export function declareCi(stack: Stack, account: Account): void {
  new CfnOIDCProvider(stack, "GitHub", {
    url: `https://${githubIssuer}`,
    clientIdList: [audience],
  });
  declareManagedPolicy(stack, "Boundary", { name: boundaryName, statements: boundary(account), shorter });
}

type Environment = Account["environments"][string] & {
  readonly name: string;
  readonly repository: AccessSettings["repository"];
};

/** The role of one environment, and its policies. Provider and boundary have to be there. */
export function declareEnvironment(
  stack: Stack,
  account: Account,
  { name: environment, repository, deploys, migrates, branch }: Environment,
): void {
  const id = environmentId(environment);
  const policies = [
    ...deployPolicies({ account, stages: deploys }),
    ...(migrates.length === 0 ? [] : [["Migrate", mayMigrate({ account, stages: migrates })] as const]),
  ].map(([part, statements]) => {
    const name = `${ciRoleName(environment)}-${part.toLowerCase()}`;
    return declareManagedPolicy(stack, `${id}${part}`, { name, statements, shorter });
  });
  const providerArn = iamArn(account, `oidc-provider/${githubIssuer}`);
  new CfnRole(stack, `${id}Role`, {
    roleName: ciRoleName(environment),
    path: accessPath,
    description: `Jobs of the environment ${environment}`,
    maxSessionDuration: 3 * 60 * 60,
    assumeRolePolicyDocument: policyDocument([trustOf(repository, environment, { providerArn, branch })]),
    managedPolicyArns: policies.map(({ ref }) => ref),
  });
}

/** Several, because IAM takes 6,144 characters each. */
function deployPolicies(scope: Scope): readonly (readonly [string, readonly Statement[]])[] {
  if (scope.stages.length === 0) return [];
  const boundaryArn = iamArn(scope.account, `policy${accessPath}${boundaryName}`);
  return [
    ["State", [...mayKeepState(scope), ...mayWatch(scope)]],
    ["Functions", mayMakeFunctions(scope)],
    ["Network", mayMakeNetwork(scope)],
    ["Tags", mayTagNetwork(scope)],
    ["Database", mayMakeDatabase(scope)],
    ["Roles", mayMakeRoles(scope, boundaryArn)],
  ];
}
