import { administrator, person, user } from "./principals.ts";
import { allow, deny, type Row } from "./row.ts";
import { ownRole } from "./targets.ts";
import type { PolicyDocument } from "../synthesise.ts";

const action = "sts:AssumeRole";
const glass = ownRole("PosternBreakGlass-production");
const account = "production";

/** That one may try it is said elsewhere; what is looked at here is whom the role trusts. */
const mayTry: PolicyDocument = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["sts:AssumeRole", "sts:TagSession"], Resource: "*" }],
};
const ann = user("ann", { account, policies: [], beside: [mayTry] });
const ben = user("ben", { account, policies: [], beside: [administrator] });
const onCall = person("PosternBreakGlass", { account, policies: [], beside: [mayTry] });
const admin = person("Administrator", { account, policies: [], beside: [administrator] });

const freshMfa = {
  "aws:MultiFactorAuthPresent": "true",
  "aws:MultiFactorAuthAge": "20",
  "sts:RoleSessionName": "ann",
};

export const breakGlassRows: readonly Row[] = [
  allow(ann, action, glass, "named, and with a second factor", freshMfa),
  allow(ann, action, ownRole("PosternBreakGlass-reports"), "named for every protected stage of the account", freshMfa),
  deny(ann, action, glass, "under another's name", { ...freshMfa, "sts:RoleSessionName": "ben" }),
  deny(ann, action, glass, "a name is no pattern", { ...freshMfa, "sts:RoleSessionName": "ann-marie" }),
  deny(ann, action, glass, "missing MFA", { "sts:RoleSessionName": "ann" }),
  deny(ann, action, glass, "missing MFA", { ...freshMfa, "aws:MultiFactorAuthPresent": "false" }),
  deny(ann, action, glass, "MFA of unknown age", {
    "aws:MultiFactorAuthPresent": "true",
    "sts:RoleSessionName": "ann",
  }),
  allow(ann, action, glass, "within a quarter of an hour", { ...freshMfa, "aws:MultiFactorAuthAge": "899" }),
  deny(ann, action, glass, "MFA that is too old", { ...freshMfa, "aws:MultiFactorAuthAge": "900" }),
  deny(user("ann", { account, policies: [] }), action, glass, "named, but her own policies do not let her", freshMfa),
  deny(ben, action, glass, "not named, an administrator all the same", { ...freshMfa, "sts:RoleSessionName": "ben" }),
  deny(user("ann-marie", { account, policies: [], beside: [mayTry] }), action, glass, "a name that begins alike", {
    ...freshMfa,
    "sts:RoleSessionName": "ann-marie",
  }),
  allow(onCall, action, glass, "the named permission set"),
  allow(onCall, action, glass, "a session's name is of one's own choice: CloudTrail has who took the role", {
    "sts:RoleSessionName": "ben",
  }),
  deny(onCall, "sts:TagSession", glass, "a tag that is sent along would go before the role's own", {
    "aws:TagKeys": ["postern:stage"],
    "aws:RequestTag/postern:stage": "reports",
  }),
  deny(
    person("PosternBreakGlass_x", { account, policies: [], beside: [mayTry] }),
    action,
    glass,
    "a permission set whose name begins alike",
  ),
  allow(
    {
      ...onCall,
      name: "PosternBreakGlass of us-east-1",
      context: {
        ...onCall.context,
        "aws:PrincipalArn":
          "arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_PosternBreakGlass_0123456789abcdef",
      },
    },
    action,
    glass,
    "the same where Identity Center leaves the region out",
  ),
  deny(
    {
      ...onCall,
      name: "role of the same name, made by hand",
      context: {
        ...onCall.context,
        "aws:PrincipalArn": "arn:aws:iam::222222222222:role/AWSReservedSSO_PosternBreakGlass_0123456789abcdef",
      },
    },
    action,
    glass,
    "AWS alone makes roles below aws-reserved",
  ),
  deny(admin, action, glass, "not named, an administrator all the same"),
];
