import { accountIds, allow, deny, type Principal, type Row } from "./row.ts";
import { ownRole } from "./targets.ts";

const action = "sts:AssumeRoleWithWebIdentity";
const issuer = "token.actions.githubusercontent.com";
type AccountName = keyof typeof accountIds;

type Claims = { readonly sub: string; readonly repository_id?: string; readonly ref?: string; readonly aud?: string };

/** A job, with the claims of its token that AWS knows; of another provider with the same, as if they had come from GitHub. */
function job(name: string, claims: Claims, account: AccountName = "development", provider = issuer): Principal {
  const all = { aud: "sts.amazonaws.com", repository_id: "987654", ref: "refs/pull/12/merge", ...claims };
  return {
    name,
    account,
    arn: `arn:aws:iam::${accountIds[account]}:oidc-provider/${provider}`,
    context: Object.fromEntries(Object.entries(all).map(([claim, value]) => [`${issuer}:${claim}`, value])),
    policies: [],
  };
}

const classic = (environment: string) => `repo:acme/shop:environment:${environment}`;
const immutable = (environment: string) => `repo:acme@4242/shop@987654:environment:${environment}`;
const onMain = { ref: "refs/heads/main" };
const preview = ownRole("postern-access-ci-preview", "development");
const production = ownRole("postern-access-ci-production");
const migrate = ownRole("postern-access-ci-production-migrate");

export const oidcRows: readonly Row[] = [
  allow(job("job of preview", { sub: classic("preview") }), action, preview, "a repository from before July 2026"),
  allow(job("job of preview, sub with numbers", { sub: immutable("preview") }), action, preview, "one from after it"),
  deny(
    job("job of another repository", { sub: "repo:acme/other:environment:preview", repository_id: "111" }),
    action,
    preview,
    "wrong repository",
  ),
  deny(
    job("job of another repository, sub with numbers", {
      sub: "repo:acme@4242/other@111:environment:preview",
      repository_id: "111",
    }),
    action,
    preview,
    "wrong repository",
  ),
  deny(
    job("job of a repository that took over the name", { sub: classic("preview"), repository_id: "555" }),
    action,
    preview,
    "the name is right, the number is another one's",
  ),
  deny(
    job("job of an owner who took over the name", { sub: "repo:acme@9999/shop@987654:environment:preview" }),
    action,
    preview,
    "wrong owner",
  ),
  deny(
    job("job of a fork", { sub: "repo:stranger/shop:environment:preview", repository_id: "777" }),
    action,
    preview,
    "a fork has its own name and number",
  ),
  deny(
    job("job whose owner's name begins alike", {
      sub: "repo:acme-labs/shop:environment:preview",
      repository_id: "778",
    }),
    action,
    preview,
    "names are compared letter by letter",
  ),
  deny(job("job of production-migrate", { sub: classic("production-migrate") }), action, preview, "wrong environment"),
  deny(job("job without an environment", { sub: "repo:acme/shop:pull_request" }), action, preview, "no environment"),
  deny(
    job("job of a branch without an environment", { sub: "repo:acme/shop:ref:refs/heads/main", ...onMain }),
    action,
    preview,
    "no environment",
  ),
  deny(
    job("job of a branch that is named as an environment", {
      sub: "repo:acme/shop:ref:refs/heads/environment:preview",
    }),
    action,
    preview,
    "a branch is no environment, whatever its name",
  ),
  deny(
    job("job of preview, for another audience", { sub: classic("preview"), aud: "https://github.com/acme" }),
    action,
    preview,
    "the token is made out for somebody else",
  ),
  deny(
    job("job of preview, of another provider", { sub: classic("preview") }, "development", "gitlab.example.com"),
    action,
    preview,
    "wrong provider",
  ),

  allow(
    job("job of production on main", { sub: classic("production"), ...onMain }, "production"),
    action,
    production,
    "as it deploys",
  ),
  allow(
    job("job of production on main, sub with numbers", { sub: immutable("production"), ...onMain }, "production"),
    action,
    production,
    "as it deploys",
  ),
  deny(
    job("job of production on a branch", { sub: classic("production"), ref: "refs/heads/feature" }, "production"),
    action,
    production,
    "wrong branch",
  ),
  deny(
    job("job of production on a tag", { sub: classic("production"), ref: "refs/tags/main" }, "production"),
    action,
    production,
    "a tag is no branch",
  ),
  deny(
    job("job of production in a pull request", { sub: classic("production") }, "production"),
    action,
    production,
    "not on main",
  ),
  deny(
    job("job of production for another audience", { sub: classic("production"), ...onMain, aud: "x" }, "production"),
    action,
    production,
    "the token is made out for somebody else",
  ),
  deny(
    job(
      "job of a repository that took over the name, on main",
      { sub: classic("production"), ...onMain, repository_id: "555" },
      "production",
    ),
    action,
    production,
    "the name is right, the number is another one's",
  ),
  deny(
    job("job of preview on main", { sub: classic("preview"), ...onMain }, "production"),
    action,
    production,
    "wrong environment",
  ),
  deny(
    job("job of production on main", { sub: classic("production"), ...onMain }, "production"),
    action,
    migrate,
    "who deploys has not the approval of who migrates",
  ),
  allow(
    job("job of production-migrate on main", { sub: classic("production-migrate"), ...onMain }, "production"),
    action,
    migrate,
    "after its approval",
  ),

  allow(
    job(
      "job of production-migrate on main, sub with numbers",
      { sub: immutable("production-migrate"), ...onMain },
      "production",
    ),
    action,
    migrate,
    "after its approval",
  ),
  deny(
    job(
      "job of production-migrate on a branch",
      { sub: classic("production-migrate"), ref: "refs/heads/x" },
      "production",
    ),
    action,
    migrate,
    "wrong branch",
  ),
  deny(
    job(
      "job of production-migrate for another audience",
      { sub: classic("production-migrate"), ...onMain, aud: "x" },
      "production",
    ),
    action,
    migrate,
    "the token is made out for somebody else",
  ),
  deny(
    job(
      "job of production-migrate of who took over the name",
      { sub: classic("production-migrate"), ...onMain, repository_id: "555" },
      "production",
    ),
    action,
    migrate,
    "the name is right, the number is another one's",
  ),
];
