import { policyNames } from "../../../infra/access/names.ts";
import { administrator, breakGlass, person } from "./principals.ts";
import { allow, never, type Group, type Row, type Target } from "./row.ts";
import { bastion, ec2, ecs, elsewhere, instance, lambda, login, iamRole, secret, tunnelDocument } from "./targets.ts";

const keys = Object.keys(policyNames) as (keyof typeof policyNames)[];

/** Everybody who has one of the policies, with everything else allowed: what is denied here is denied whatever comes beside. */
const anybody: Group = {
  name: "each policy, administrator beside",
  each: keys.map((key) => person(policyNames[key], { stage: "dev", policies: [key], beside: [administrator] })),
};
const anybodyByProduction: Group = {
  name: "each policy of tools, administrator beside",
  each: keys.map((key) =>
    person(policyNames[key], { account: "production", stage: "tools", policies: [key], beside: [administrator] }),
  ),
};

/** What tags say who may do what: of those who ask, and of what is asked for. */
const tagged = {
  "ec2:CreateTags": ec2("instance/i-0123456789abcdef0", {}),
  "ec2:DeleteTags": ec2("instance/i-0123456789abcdef0", {}),
  "iam:TagRole": iamRole("Someone"),
  "iam:UntagRole": iamRole("Someone"),
  "iam:TagUser": { name: "user ann", arn: "arn:aws:iam::111111111111:user/ann" },
  "iam:UntagUser": { name: "user ann", arn: "arn:aws:iam::111111111111:user/ann" },
  "ssm:AddTagsToResource": tunnelDocument("dev"),
  "ssm:RemoveTagsFromResource": tunnelDocument("dev"),
  "sts:TagSession": iamRole("Someone"),
} as const;

const documentActions = [
  "ssm:CreateDocument",
  "ssm:DeleteDocument",
  "ssm:ModifyDocumentPermission",
  "ssm:UpdateDocument",
  "ssm:UpdateDocumentDefaultVersion",
];

export const guardRows: readonly Row[] = [
  never(anybody, "secretsmanager:GetSecretValue", secret("rds!db-0a1b2c3d"), "the master's login"),
  never(
    anybody,
    "secretsmanager:GetSecretValue",
    elsewhere(secret("rds!db-0a1b2c3d")),
    "the master's login, of any region",
  ),
  ...["master", "migrator", "app", "health"].map((owner) =>
    never(anybody, "secretsmanager:GetSecretValue", secret(`postern/staging/${owner}`), "a service's login"),
  ),
  never(
    anybody,
    "secretsmanager:GetSecretValue",
    elsewhere(secret("postern/dev/app")),
    "a service's login, of any region",
  ),
  allow(anybody, "secretsmanager:GetSecretValue", secret("shop/key"), "no login of a stage: not for this to say"),
  allow(anybody, "secretsmanager:DescribeSecret", secret("postern/staging/app"), "not its value: not for this to say"),
  ...Object.entries(tagged).flatMap(([action, on]) => tagRows(action, on)),
  never(
    anybody,
    "ec2:DeleteTags",
    ec2("instance/i-0123456789abcdef0", { "postern:stage": "staging" }),
    "all of its tags at once, of which a request names none",
  ),
  allow(
    anybody,
    "ec2:DeleteTags",
    ec2("instance/i-0123456789abcdef0", { "postern:stage": "staging" }),
    "another tag: not for this to say",
    naming("Name"),
  ),
  allow(
    anybody,
    "ec2:DeleteTags",
    ec2("instance/i-0123456789abcdef0", {}),
    "all tags of what is no stage's: not for this to say",
  ),
  ...documentActions.flatMap((action): Row[] => [
    never(anybody, action, tunnelDocument("dev"), "it says where the tunnel leads"),
    never(anybody, action, elsewhere(tunnelDocument("staging")), "of any stage, in any region"),
    allow(
      anybody,
      action,
      { name: "document shop-setup", arn: "arn:aws:ssm:eu-central-1:111111111111:document/shop-setup" },
      "no tunnel's: not for this to say",
    ),
  ]),
  ...protectedRows("production"),
  ...protectedRows("reports"),
  never(anybodyByProduction, "rds-db:connect", login("db-PRODUCTION", "postern_readonly", "production"), "protected"),
  never(anybodyByProduction, "rds-db:connect", login("db-PRODUCTION", "postern_operator", "production"), "protected"),
  allow(
    anybodyByProduction,
    "ssm:StartSession",
    [bastion("tools", "production"), tunnelDocument("tools", "production")],
    "not protected: not for this to say",
  ),
  allow(
    anybodyByProduction,
    "lambda:InvokeFunction",
    lambda("postern-tools-runner", "production"),
    "not protected: not for this to say",
  ),
  allow(
    anybodyByProduction,
    "rds-db:connect",
    login("db-TOOLS", "postern_operator", "production"),
    "not protected: not for this to say",
  ),
  allow(
    anybodyByProduction,
    "ecs:RunTask",
    ecs("task-definition/postern-tools-long-run:7", "production"),
    "not protected: not for this to say",
  ),
  never(
    breakGlass("production"),
    "secretsmanager:GetSecretValue",
    secret("rds!db-0a1b2c3d", "production"),
    "not even with the glass broken",
  ),
  never(breakGlass("production"), "sts:TagSession", iamRole("Someone", "production"), "nor can he hand its stage on", {
    "aws:TagKeys": ["postern:stage"],
  }),
  never(
    breakGlass("production"),
    "ssm:UpdateDocument",
    tunnelDocument("production", "production"),
    "it says where the tunnel leads",
  ),
];

/** For what is done to tags. */
function tagRows(action: string, on: Target): readonly Row[] {
  return [
    never(anybody, action, on, "nobody gives himself a stage", naming("postern:stage")),
    never(anybody, action, on, "nor makes something the app's", naming("postern:app")),
    never(anybody, action, on, "nor a bastion", naming("postern:part")),
    never(anybody, action, on, "IAM takes it for the same in other case", naming("Name", "Postern:Stage")),
    allow(anybody, action, on, "another tag: not for this to say", naming("Name")),
  ];
}

function naming(...tags: string[]) {
  return { "aws:TagKeys": tags };
}

function protectedRows(stage: string): readonly Row[] {
  return [
    never(anybodyByProduction, "ssm:StartSession", bastion(stage, "production"), "protected, whatever the document"),
    never(
      anybodyByProduction,
      "ssm:StartSession",
      instance(`instance with the stage ${stage} alone`, { "postern:stage": stage }, "production"),
      "protected",
    ),
    never(anybodyByProduction, "ssm:StartSession", tunnelDocument(stage, "production"), "protected"),
    never(anybodyByProduction, "lambda:InvokeFunction", lambda(`postern-${stage}-runner`, "production"), "protected"),
    never(
      anybodyByProduction,
      "lambda:InvokeAsync",
      lambda(`postern-${stage}-runner`, "production"),
      "protected, by an older name of the same",
    ),
    never(
      anybodyByProduction,
      "lambda:InvokeFunction",
      lambda(`postern-${stage}-inspect`, "production"),
      "protected: it cancels runs, too",
    ),
    never(
      anybodyByProduction,
      "lambda:InvokeFunction",
      lambda(`postern-${stage}-runner:$LATEST`, "production"),
      "protected, by whatever version it is asked for",
    ),
    never(
      anybodyByProduction,
      "lambda:InvokeFunction",
      lambda(`postern-${stage}-inspect:$LATEST`, "production"),
      "protected, by whatever version it is asked for",
    ),
    never(
      anybodyByProduction,
      "ssm:SendCommand",
      { ...bastion(stage, "production"), context: {} },
      "protected: a command is as good as a shell",
    ),
    never(
      anybodyByProduction,
      "ecs:ExecuteCommand",
      ecs(`task/postern-${stage}/0123456789abcdef`, "production"),
      "protected: it has the task's role",
    ),
    never(
      anybodyByProduction,
      "ecs:RunTask",
      ecs(`task-definition/postern-${stage}-long-run:7`, "production"),
      "protected",
    ),
  ];
}
