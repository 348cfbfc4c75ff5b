import { breakGlass, person, user } from "./principals.ts";
import { allow, deny, never, type Row } from "./row.ts";
import {
  anything,
  awsDocument,
  bastion,
  ecs,
  elsewhere,
  instance,
  lambda,
  login,
  parameter,
  secret,
  session,
  shellOn,
  tunnelDocument,
} from "./targets.ts";

const developer = person("Developer", { stage: "dev", policies: ["developer"] });
const ann = user("ann", { stage: "dev", policies: ["developer"] });
const untagged = person("Developer", { policies: ["developer"] });
const ofPreview = person("Developer", { stage: "preview", policies: ["developer"] });
const ofTools = person("Developer", { account: "production", stage: "tools", policies: ["developer"] });
const operator = person("Operator", { stage: "dev", policies: ["operator"] });
const ofProduction = person("Developer", { account: "production", stage: "production", policies: ["developer"] });

const ownTags = { "postern:app": "postern", "postern:stage": "dev", "postern:part": "network" };
const anyHost = awsDocument("AWS-StartPortForwardingSessionToRemoteHost");

const start = "ssm:StartSession";
const resume = "ssm:ResumeSession";
const terminate = "ssm:TerminateSession";
const channel = "ssmmessages:OpenDataChannel";
const connect = "rds-db:connect";

/** Sessions of a developer. */
export const sessionRows: readonly Row[] = [
  allow(developer, start, [bastion("dev"), tunnelDocument("dev")], "it is his stage's tunnel"),
  allow(ann, start, [bastion("dev"), tunnelDocument("dev")], "a user's tag counts as a role's does"),
  allow(
    ofTools,
    start,
    [bastion("tools", "production"), tunnelDocument("tools", "production")],
    "the stage is not protected, though others of the account are",
  ),
  deny(developer, start, bastion("staging"), "other stage: the bastion"),
  deny(developer, start, tunnelDocument("staging"), "other stage: the document"),
  deny(
    developer,
    start,
    [bastion("dev"), tunnelDocument("staging")],
    "other stage: the document of one through the bastion of the other",
  ),
  deny(developer, start, tunnelDocument("dev-2"), "a stage whose name begins alike"),
  deny(
    person("Developer", { stage: "DEV", policies: ["developer"] }),
    start,
    bastion("dev"),
    "values of tags are told apart by case",
  ),
  deny(
    person("Developer", { stage: "de?", policies: ["developer"] }),
    start,
    bastion("dev"),
    "the value of a tag is no pattern",
  ),
  deny(
    person("Developer", { stage: "*", policies: ["developer"] }),
    start,
    tunnelDocument("dev"),
    "nor is it one in an ARN",
  ),
  deny(untagged, start, bastion("dev"), "untagged: nobody gave him a stage"),
  deny(untagged, start, tunnelDocument("dev"), "untagged: nobody gave him a stage"),
  deny(untagged, start, instance("instance without tags", {}), "untagged on both sides is not equal"),
  deny(developer, start, instance("instance without tags", {}), "untagged: the instance"),
  deny(
    developer,
    start,
    instance("instance without stage", { "postern:app": "postern", "postern:part": "network" }),
    "untagged: the stage",
  ),
  deny(
    developer,
    start,
    instance("instance of another app", { ...ownTags, "postern:app": "shop" }),
    "other app, with a stage of the same name",
  ),
  deny(
    developer,
    start,
    instance("instance of another part", { ...ownTags, "postern:part": "runner" }),
    "of the stage, but no bastion",
  ),
  deny(developer, start, elsewhere(bastion("dev")), "other region: the stages of this account are in one"),
  deny(developer, start, elsewhere(tunnelDocument("dev")), "other region"),
  deny(
    developer,
    start,
    {
      ...bastion("dev"),
      name: "managed node of dev",
      arn: "arn:aws:ssm:eu-central-1:111111111111:managed-instance/mi-0123456789abcdef0",
    },
    "a machine that is no instance",
  ),
  deny(developer, start, ecs("task/postern-dev/0123456789abcdef"), "a task's container"),
  deny(developer, start, shellOn(bastion("dev")), "other document: none is a shell on the bastion"),
  deny(developer, start, [bastion("dev"), tunnelDocument("dev")], "the document was not checked", {
    "ssm:SessionDocumentAccessCheck": "false",
  }),
  deny(developer, start, tunnelDocument("dev"), "the document was not checked", {
    "ssm:SessionDocumentAccessCheck": "false",
  }),
  ...[
    "SSM-SessionManagerRunShell",
    "AWS-StartSSHSession",
    "AWS-StartPortForwardingSession",
    "AWS-StartInteractiveCommand",
  ].map((name) => deny(developer, start, [bastion("dev"), awsDocument(name)], "other document")),
  deny(developer, start, [bastion("dev"), anyHost], "other document: any host is for operators"),
  deny(developer, "ssm:SendCommand", { ...bastion("dev"), context: {} }, "no command on a bastion"),
];

/** One's own sessions and nobody else's. The role's session is named `ann`, the user's id is AIDAANN. */
export const ownSessionRows: readonly Row[] = [
  ...[resume, terminate].flatMap((action): Row[] => [
    allow(developer, action, session("ann-0a1b2c3d", "AROAEXAMPLE:ann"), "he began it"),
    allow(ann, action, session("ann-0a1b2c3d", "AIDAANN"), "she began it"),
    deny(developer, action, session("ben-0a1b2c3d", "AROAEXAMPLE:ben"), "other's session, of the same role"),
    deny(
      developer,
      action,
      session("ann-0a1b2c3d", "AROAOTHER:ann"),
      "other's session: another role's, whose session is named alike",
    ),
    deny(
      developer,
      action,
      session("ann-0a1b2c3d", "AROAEXAMPLE:ann-marie"),
      "other's session, whose name begins alike",
    ),
    deny(ann, action, session("ann-marie-0a1b2c3d", "AIDAANNMARIE"), "other's session: a user whose name begins alike"),
    deny(developer, action, { ...session("ann-0a1b2c3d", ""), tags: {} }, "untagged"),
    deny(developer, action, elsewhere(session("ann-0a1b2c3d", "AROAEXAMPLE:ann")), "other region"),
  ]),
  allow(developer, channel, session("AROAEXAMPLE:ann-0a1b2c3d", "AROAEXAMPLE:ann"), "his own channel"),
  allow(ann, channel, session("AIDAANN-0a1b2c3d", "AIDAANN"), "her own channel"),
  deny(developer, channel, session("AROAEXAMPLE:ben-0a1b2c3d", "AROAEXAMPLE:ben"), "other's session"),
  deny(developer, channel, session("AIDAANN-0a1b2c3d", "AIDAANN"), "other's session"),
  deny(developer, channel, elsewhere(session("AROAEXAMPLE:ann-0a1b2c3d", "AROAEXAMPLE:ann")), "other region"),
  deny(developer, "ssm:DescribeSessions", anything, "who else has a tunnel is not his to see"),
];

/** What a tunnel needs beside, and what it does not. */
export const besideTunnelRows: readonly Row[] = [
  allow(developer, "ssm:DescribeInstanceInformation", anything, "which bastion is online"),
  allow(developer, "ec2:DescribeInstances", anything, "why one is not"),
  allow(developer, "ssm:GetParameter", parameter("/postern/dev/manifest"), "where the stage's parts are"),
  deny(developer, "ssm:GetParameter", parameter("/postern/staging/manifest"), "other stage"),
  deny(untagged, "ssm:GetParameter", parameter("/postern/dev/manifest"), "untagged"),
  deny(developer, "ssm:GetParameter", parameter("/shop/dev/manifest"), "other app"),
  deny(developer, "ssm:GetParameter", parameter("/postern/dev/other"), "another parameter of the stage"),
  deny(developer, "ssm:GetParameter", parameter("/sst/passphrase/postern/dev"), "it opens the deploy's state"),
  deny(developer, "ssm:GetParameter", elsewhere(parameter("/postern/dev/manifest")), "other region"),
  deny(developer, "lambda:InvokeFunction", lambda("postern-dev-runner"), "a tunnel is no migration"),
  never(developer, "secretsmanager:GetSecretValue", secret("postern/dev/readonly"), "people log in with IAM"),
];

/** Logins, and what an operator may beside a developer. */
export const loginRows: readonly Row[] = [
  allow(developer, connect, login("db-DEVDEVDEVDEV", "postern_readonly"), "to read is the default"),
  allow(ofTools, connect, login("db-TOOLS", "postern_readonly", "production"), "the stage is not protected"),
  deny(developer, connect, login("db-DEVDEVDEVDEV", "postern_operator"), "to write is for operators"),
  deny(developer, connect, login("db-STAGINGSTAGING", "postern_readonly"), "other stage"),
  deny(developer, connect, login("db-OTHER", "postern_readonly"), "other app: a database that is no stage's"),
  deny(untagged, connect, login("db-DEVDEVDEVDEV", "postern_readonly"), "untagged"),
  deny(ofPreview, connect, login("db-PREVIEW", "postern_readonly"), "its database was not said to be its"),
  deny(developer, connect, elsewhere(login("db-DEVDEVDEVDEV", "postern_readonly")), "other region"),
  allow(operator, connect, login("db-DEVDEVDEVDEV", "postern_readonly"), "who may write may read"),
  allow(operator, connect, login("db-DEVDEVDEVDEV", "postern_operator"), "to write is what an operator is for"),
  deny(operator, connect, login("db-STAGINGSTAGING", "postern_operator"), "other stage"),
  ...["postern_migrator", "postern_app", "postern"].map((role) =>
    deny(operator, connect, login("db-DEVDEVDEVDEV", role), "a service's login, or the master's"),
  ),
  allow(operator, start, [bastion("dev"), tunnelDocument("dev")], "his stage's tunnel"),
  allow(operator, start, [bastion("dev"), anyHost], "any host that his stage's bastion reaches"),
  deny(operator, start, [bastion("staging"), anyHost], "other stage"),
  deny(operator, start, [instance("instance without tags", {}), anyHost], "untagged"),
  deny(
    operator,
    start,
    [instance("instance of another app", { ...ownTags, "postern:app": "shop" }), anyHost],
    "other app",
  ),
  deny(operator, start, shellOn(bastion("dev")), "other document: none is a shell on the bastion"),
  deny(operator, start, anyHost, "the document was not checked", { "ssm:SessionDocumentAccessCheck": "false" }),
  deny(operator, start, [bastion("dev"), awsDocument("AWS-StartSSHSession")], "other document"),
];

/** A protected stage, with its name in one's tag and without having broken glass. */
export const protectedTunnelRows: readonly Row[] = [
  never(ofProduction, start, bastion("production", "production"), "a tag alone opens no protected stage"),
  never(ofProduction, start, tunnelDocument("production", "production"), "a tag alone opens no protected stage"),
  never(ofProduction, connect, login("db-PRODUCTION", "postern_readonly", "production"), "nor lets it in"),
  never(ofTools, start, bastion("production", "production"), "other stage, and protected"),
  allow(
    breakGlass("production"),
    start,
    [bastion("production", "production"), tunnelDocument("production", "production")],
    "that is what it is for",
  ),
  allow(breakGlass("production"), start, [bastion("production", "production"), anyHost], "it is an operator's"),
  allow(
    breakGlass("production"),
    connect,
    login("db-PRODUCTION", "postern_operator", "production"),
    "it is an operator's",
  ),
  deny(
    breakGlass("production"),
    start,
    shellOn(bastion("production", "production")),
    "other document: not even here a shell",
  ),
  deny(
    breakGlass("production"),
    start,
    [bastion("reports", "production"), tunnelDocument("reports", "production")],
    "the glass of another stage",
  ),
  allow(
    breakGlass("reports"),
    start,
    [bastion("reports", "production"), tunnelDocument("reports", "production")],
    "its own",
  ),
  deny(
    breakGlass("reports"),
    connect,
    login("db-PRODUCTION", "postern_operator", "production"),
    "the glass of another stage",
  ),
];
