import type { Account } from "./settings.ts";

type Place = Pick<Account, "id" | "region" | "partition">;

/** Of what is in the account's region, unless it is said to be elsewhere: `*` is any region, and AWS's own is in no account. */
export function arn(
  { id, region, partition }: Place,
  service: string,
  resource: string,
  where: { readonly region?: string; readonly account?: string } = {},
): string {
  return `arn:${partition}:${service}:${where.region ?? region}:${where.account ?? id}:${resource}`;
}

/** IAM is in no region. */
export function iamArn(account: Place, resource: string): string {
  return arn(account, "iam", resource, { region: "" });
}
