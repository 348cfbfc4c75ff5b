import { policyNames } from "../../../infra/access/names.ts";
import { glassPolicies } from "../../../infra/access/people.ts";
import type { PolicyDocument } from "../synthesise.ts";
import { accountIds, type Principal } from "./row.ts";

type Policy = keyof typeof policyNames;
type AccountName = keyof typeof accountIds;

type Options = {
  readonly account?: AccountName;
  /** The value of the tag `postern:stage`; default: none. */
  readonly stage?: string;
  readonly policies: readonly Policy[];
  readonly beside?: readonly PolicyDocument[];
};

/** What many people have beside: everything. */
export const administrator: PolicyDocument = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
};

/** Somebody who comes through Identity Center, with a permission set that has these policies. */
export function person(
  permissionSet: string,
  { account = "development", stage, policies, beside }: Options,
): Principal {
  const role = `AWSReservedSSO_${permissionSet}_0123456789abcdef`;
  return assumed({
    name: describe(permissionSet, stage, beside),
    account,
    role: `aws-reserved/sso.amazonaws.com/eu-central-1/${role}`,
    stage,
    policies,
    beside,
  });
}

/** A user of IAM, with keys of his own. */
export function user(name: string, { account = "development", stage, policies, beside }: Options): Principal {
  return {
    name: describe(`user ${name}`, stage, beside),
    account,
    arn: `arn:aws:iam::${accountIds[account]}:user/${name}`,
    context: {
      "aws:PrincipalArn": `arn:aws:iam::${accountIds[account]}:user/${name}`,
      "aws:PrincipalType": "User",
      "aws:userid": `AIDA${name.toUpperCase()}`,
      "aws:username": name,
      ...stageTag(stage),
    },
    policies: policies.map((one) => policyNames[one]),
    ...(beside === undefined ? {} : { beside }),
  };
}

/** Whoever took the role of a protected stage. Its tag is the role's own. */
export function breakGlass(stage: string): Principal {
  return assumed({
    name: `glass of ${stage} broken`,
    account: "production",
    role: `postern-access/PosternBreakGlass-${stage}`,
    stage,
    policies: glassPolicies,
  });
}

/** Session name of everybody here who took a role. */
const sessionName = "ann";

function assumed({
  name,
  account,
  role,
  stage,
  policies,
  beside,
}: Pick<Principal, "name" | "account"> &
  Pick<Options, "policies"> & {
    readonly role: string;
    readonly stage: string | undefined;
    readonly beside?: readonly PolicyDocument[] | undefined;
  }): Principal {
  return {
    name,
    account,
    arn: `arn:aws:sts::${accountIds[account]}:assumed-role/${role.split("/").at(-1)}/${sessionName}`,
    context: {
      "aws:PrincipalArn": `arn:aws:iam::${accountIds[account]}:role/${role}`,
      "aws:PrincipalType": "AssumedRole",
      "aws:userid": `AROAEXAMPLE:${sessionName}`,
      ...stageTag(stage),
    },
    policies: policies.map((one) => policyNames[one]),
    ...(beside === undefined ? {} : { beside }),
  };
}

function stageTag(stage: string | undefined) {
  return stage === undefined ? {} : { "aws:PrincipalTag/postern:stage": stage };
}

function describe(name: string, stage: string | undefined, beside: Options["beside"]): string {
  const tagged = stage === undefined ? `${name}, no stage` : `${name} of ${stage}`;
  return beside?.includes(administrator) === true ? `${tagged}, administrator beside` : tagged;
}
