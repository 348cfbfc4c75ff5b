import type { AccessSettings } from "../settings.ts";
import type { Statement } from "../statement.ts";

export const githubIssuer = "token.actions.githubusercontent.com";
/** What `aws-actions/configure-aws-credentials` asks GitHub to make the token out for. */
export const audience = "sts.amazonaws.com";

/**
 * Whom a role of CI is for: jobs of one environment of one repository.
 *
 * 1. The token is GitHub's (the provider) and made out for AWS (`aud`).
 * 2. `sub` names repository and environment, letter by letter. Repositories from before July 2026 have names in it, newer ones, renamed
 *    and transferred ones names with numbers:
 *    https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
 * 3. `repository_id` is the repository's number, whichever of both it is: who takes over its name, or its owner's, has another.
 *    https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
 * 4. `ref`, where the environment is for one branch. GitHub's rules for the environment say it too; this does not rely on them.
 *
 * A fork's jobs have no token to ask with. Had they one, they would fail at 2 or 3.
 */
export function trustOf(
  { owner, ownerId, name, id }: AccessSettings["repository"],
  environment: string,
  { providerArn, branch }: { readonly providerArn: string; readonly branch?: string | undefined },
): Statement {
  return {
    Sid: "OneEnvironment",
    Effect: "Allow",
    Principal: { Federated: providerArn },
    Action: "sts:AssumeRoleWithWebIdentity",
    Condition: {
      StringEquals: {
        [claim("aud")]: audience,
        [claim("sub")]: [
          `repo:${owner}/${name}:environment:${environment}`,
          `repo:${owner}@${ownerId}/${name}@${id}:environment:${environment}`,
        ],
        [claim("repository_id")]: id,
        ...(branch === undefined ? {} : { [claim("ref")]: `refs/heads/${branch}` }),
      },
    },
  };
}

/** AWS knows a token's claims by keys that begin with who made it out. */
function claim(name: string): string {
  return `${githubIssuer}:${name}`;
}
