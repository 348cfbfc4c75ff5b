import { accountIds, allow, deny, never, type Principal, type Row, type Target } from "../row.ts";
import { anything, inDevelopment, lambda, parameter, s3, secret } from "../targets.ts";
import { preview, production } from "./principals.ts";
import { giving, ofDev, ofPreview, ofShop } from "./tags.ts";

function object(key: string, account?: Principal["account"]): Target {
  return { ...s3(`sst-state-abcdef/${key}`, account), name: `state ${key}` };
}

const elsewhere = { ...object("app/postern/pr-7.json", "production"), name: "state of pr-7 in another account" };

const proxy = (own?: Readonly<Record<string, string>>) =>
  inDevelopment(
    own === undefined ? "new proxy" : `proxy of ${own["postern:app"]}, ${own["postern:stage"]}`,
    "rds",
    "db-proxy:prx-1",
    own,
  );
const namespace = (own: Readonly<Record<string, string>>) =>
  inDevelopment(
    `namespace of ${own["postern:app"]}, ${own["postern:stage"]}`,
    "servicediscovery",
    "namespace/ns-1",
    own,
  );

/** RDS says on the master's secret which instance it belongs to. */
const masterOf = (stage: string): Target => ({
  ...secret("rds!db-1"),
  name: `master's secret of ${stage}`,
  tags: { "aws:rds:primaryDBInstanceArn": `arn:aws:rds:eu-central-1:${accountIds.development}:db:postern-${stage}` },
});

export const deployRows: readonly Row[] = [
  deny(preview, "s3:PutObject", object("app/postern/production.json"), "other stage's state"),
  deny(preview, "s3:GetObject", object("app/shop/pr-7.json"), "other app's state"),
  deny(production, "s3:GetObject", object("app/postern/reports.json", "production"), "other stage's state"),
  ...["s3:GetObject", "s3:PutObject", "s3:DeleteObject"].flatMap((action) => [
    allow(preview, action, object("app/postern/pr-7.json"), "its own state"),
    deny(preview, action, elsewhere, "a bucket of such a name may be anybody's"),
  ]),
  allow(preview, "ssm:GetParameter", parameter("/sst/passphrase/postern/pr-7"), "its own passphrase"),
  deny(preview, "ssm:GetParameter", parameter("/sst/passphrase/postern/dev"), "other stage's passphrase"),
  deny(preview, "ssm:PutParameter", parameter("/sst/bootstrap"), "where all state is, is not its to say"),
  allow(preview, "lambda:UpdateFunctionCode", lambda("postern-pr-7-runner"), "its own function"),
  deny(preview, "lambda:UpdateFunctionCode", lambda("postern-dev-runner"), "other stage"),
  deny(preview, "lambda:UpdateFunctionCode", lambda("shop-pr-7-runner"), "other app"),
  deny(preview, "lambda:UpdateFunctionCode", lambda("postern-pr-7-other"), "no function of a stage"),
  allow(
    preview,
    "rds:DeleteDBInstance",
    inDevelopment("database of pr-7", "rds", "db:postern-pr-7"),
    "its own database",
  ),
  deny(preview, "rds:DeleteDBInstance", inDevelopment("database of dev", "rds", "db:postern-dev"), "other stage"),
  ...["db:", "subgrp:", "pg:", "snapshot:"].map((type) =>
    deny(
      production,
      "rds:AddTagsToResource",
      { name: `${type}postern-production2`, arn: `arn:aws:rds:eu-central-1:222222222222:${type}postern-production2` },
      "a stage whose name begins alike",
    ),
  ),
  allow(
    preview,
    "rds:RestoreDBInstanceFromDBSnapshot",
    inDevelopment("snapshot postern-pr-7-final", "rds", "snapshot:postern-pr-7-final"),
    "named as its own",
  ),
  ...["postern-dev-final", "nightly"].map((name) =>
    deny(
      preview,
      "rds:RestoreDBInstanceFromDBSnapshot",
      inDevelopment(`snapshot ${name}`, "rds", `snapshot:${name}`),
      "not named as its own",
    ),
  ),
  allow(
    preview,
    "rds:CreateDBInstance",
    inDevelopment("RDS's option group", "rds", "og:default:postgres-18"),
    "an instance names it",
  ),
  deny(preview, "rds:CreateDBInstance", inDevelopment("another option group", "rds", "og:shop"), "somebody else's"),
  allow(preview, "rds:CreateDBProxy", anything, "made with a preview's tags", giving("pr-7")),
  deny(preview, "rds:CreateDBProxy", anything, "made with another stage's tags", giving("dev")),
  deny(preview, "rds:CreateDBProxy", anything, "made for another app", giving("pr-7", "shop")),
  allow(preview, "rds:DeleteDBProxy", proxy(ofPreview), "its own proxy"),
  allow(preview, "rds:AddTagsToResource", proxy(ofPreview), "another tag on its own", { "aws:RequestTag/Name": "x" }),
  deny(preview, "rds:AddTagsToResource", proxy(ofPreview), "gives its own to another stage", giving("dev")),
  deny(preview, "rds:AddTagsToResource", proxy(ofDev), "other stage", { "aws:RequestTag/Name": "x" }),
  deny(preview, "rds:AddTagsToResource", proxy(ofShop), "other app", { "aws:RequestTag/Name": "x" }),
  deny(preview, "rds:DeleteDBProxy", proxy(ofDev), "other stage"),
  deny(preview, "rds:DeleteDBProxy", proxy(ofShop), "other app"),
  ...["rds:AddTagsToResource", "rds:RemoveTagsFromResource"].map((action) =>
    deny(
      preview,
      action,
      inDevelopment("database shop, tagged as a preview's", "rds", "db:shop", ofPreview),
      "tags are for proxies alone",
    ),
  ),
  deny(preview, "rds:RegisterDBProxyTargets", inDevelopment("database shop", "rds", "db:shop"), "no stage's database"),
  allow(preview, "servicediscovery:CreatePrivateDnsNamespace", anything, "made with a preview's tags", giving("pr-7")),
  deny(
    preview,
    "servicediscovery:CreatePrivateDnsNamespace",
    anything,
    "made with another stage's tags",
    giving("dev"),
  ),
  deny(preview, "servicediscovery:CreatePrivateDnsNamespace", anything, "made for another app", giving("pr-7", "shop")),
  allow(preview, "servicediscovery:DeleteNamespace", namespace(ofPreview), "its own"),
  deny(preview, "servicediscovery:DeleteNamespace", namespace(ofDev), "other stage"),
  deny(preview, "servicediscovery:DeleteNamespace", namespace(ofShop), "other app"),
  ...["secretsmanager:CreateSecret", "secretsmanager:TagResource"].flatMap((action) => [
    allow(preview, action, secret("rds!db-1"), "RDS makes the master's with its rights"),
    allow(preview, action, masterOf("pr-7"), "its own"),
    deny(preview, action, masterOf("dev"), "other stage's master"),
    deny(preview, action, secret("shop"), "somebody else's"),
  ]),
  allow(preview, "secretsmanager:CreateSecret", secret("postern/pr-7/app"), "its own secret, without a value"),
  deny(preview, "secretsmanager:CreateSecret", secret("postern/dev/app"), "other stage"),
  deny(preview, "secretsmanager:DeleteSecret", secret("postern/dev/app"), "other stage"),
  never(preview, "secretsmanager:GetSecretValue", secret("postern/pr-7/app"), "no secret is read, its own neither"),
  never(
    production,
    "secretsmanager:GetSecretValue",
    { ...secret("rds!db-1", "production") },
    "least of all the master's",
  ),
];
