import { allow, deny, never, type Row } from "./row.ts";
import {
  anything,
  awsDocument,
  bastion,
  ecs,
  elsewhere,
  instance,
  lambda,
  parameter,
  secret,
  session,
  shellOn,
  tunnelDocument,
} from "./targets.ts";
import { both, ofTools, developer, people, untagged, users } from "./tunnel-people.ts";

const ownTags = { "postern:app": "postern", "postern:stage": "dev", "postern:part": "network" };

const start = "ssm:StartSession";
const resume = "ssm:ResumeSession";
const terminate = "ssm:TerminateSession";
const channel = "ssmmessages:OpenDataChannel";

/** Sessions to the bastions of a stage. */
export const sessionRows: readonly Row[] = [
  allow(people, start, [bastion("dev"), tunnelDocument("dev")], "it is his stage's tunnel"),
  allow(users, start, [bastion("dev"), tunnelDocument("dev")], "a user's tag counts as a role's does"),
  allow(
    ofTools,
    start,
    [bastion("tools", "production"), tunnelDocument("tools", "production")],
    "the stage is not protected, though others of the account are",
  ),
  deny(people, start, bastion("staging"), "other stage: the bastion"),
  deny(people, start, tunnelDocument("staging"), "other stage: the document"),
  deny(
    people,
    start,
    [bastion("dev"), tunnelDocument("staging")],
    "other stage: the document of one through the bastion of the other",
  ),
  deny(people, start, tunnelDocument("dev-2"), "a stage whose name begins alike"),
  deny(both("DEV"), start, bastion("dev"), "values of tags are told apart by case"),
  deny(both("de?"), start, bastion("dev"), "the value of a tag is no pattern"),
  deny(both("*"), start, tunnelDocument("dev"), "nor is it one in an ARN"),
  allow(
    people,
    start,
    {
      ...bastion("dev"),
      name: "bastion of dev, by a request whose document AWS does not say it has checked",
      context: {},
    },
    "AWS says it of some requests only",
  ),
  deny(untagged, start, bastion("dev"), "untagged: nobody gave him a stage"),
  deny(untagged, start, tunnelDocument("dev"), "untagged: nobody gave him a stage"),
  deny(untagged, start, instance("instance without tags", {}), "untagged on both sides is not equal"),
  deny(people, start, instance("instance without tags", {}), "untagged: the instance"),
  deny(
    people,
    start,
    instance("instance without stage", { "postern:app": "postern", "postern:part": "network" }),
    "untagged: the stage",
  ),
  deny(
    people,
    start,
    instance("instance of another app", { ...ownTags, "postern:app": "shop" }),
    "other app, with a stage of the same name",
  ),
  deny(
    people,
    start,
    instance("instance of another part", { ...ownTags, "postern:part": "runner" }),
    "of the stage, but no bastion",
  ),
  deny(people, start, elsewhere(bastion("dev")), "other region: the stages of this account are in one"),
  deny(people, start, elsewhere(tunnelDocument("dev")), "other region"),
  deny(
    people,
    start,
    {
      ...bastion("dev"),
      name: "managed node of dev",
      arn: "arn:aws:ssm:eu-central-1:111111111111:managed-instance/mi-0123456789abcdef0",
    },
    "a machine that is no instance",
  ),
  deny(people, start, ecs("task/postern-dev/0123456789abcdef"), "a task's container"),
  deny(people, start, shellOn(bastion("dev")), "other document: none is a shell on the bastion"),
  deny(people, start, [bastion("dev"), tunnelDocument("dev")], "the document was not checked", {
    "ssm:SessionDocumentAccessCheck": "false",
  }),
  deny(people, start, tunnelDocument("dev"), "the document was not checked", {
    "ssm:SessionDocumentAccessCheck": "false",
  }),
  ...[
    "SSM-SessionManagerRunShell",
    "AWS-StartSSHSession",
    "AWS-StartPortForwardingSession",
    "AWS-StartInteractiveCommand",
  ].map((name) => deny(people, start, [bastion("dev"), awsDocument(name)], "other document")),
  deny(people, "ssm:SendCommand", { ...bastion("dev"), context: {} }, "no command on a bastion"),
];

/** One's own sessions and nobody else's. The role's session is named `ann`, the user's id is AIDAANN. */
export const ownSessionRows: readonly Row[] = [
  ...[resume, terminate].flatMap((action): Row[] => [
    allow(people, action, session("ann-0a1b2c3d", "AROAEXAMPLE:ann"), "he began it"),
    allow(users, action, session("ann-0a1b2c3d", "AIDAANN"), "she began it"),
    deny(people, action, session("ben-0a1b2c3d", "AROAEXAMPLE:ben"), "other's session, of the same role"),
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
    deny(
      users,
      action,
      session("ann-marie-0a1b2c3d", "AIDAANNMARIE"),
      "other's session: a user whose name begins alike",
    ),
    deny(people, action, { ...session("ann-0a1b2c3d", ""), tags: {} }, "untagged"),
    deny(people, action, elsewhere(session("ann-0a1b2c3d", "AROAEXAMPLE:ann")), "other region"),
  ]),
  allow(people, channel, session("AROAEXAMPLE:ann-0a1b2c3d", "AROAEXAMPLE:ann"), "his own channel"),
  allow(users, channel, session("AIDAANN-0a1b2c3d", "AIDAANN"), "her own channel"),
  allow(
    people,
    channel,
    session("AROAEXAMPLE:ann-marie-0a1b2c3d", "AROAEXAMPLE:ann-marie"),
    "AWS's own pattern takes a name that begins alike; a channel needs the session's token as well",
  ),
  deny(people, channel, session("AROAEXAMPLE:ben-0a1b2c3d", "AROAEXAMPLE:ben"), "other's session"),
  deny(people, channel, session("AIDAANN-0a1b2c3d", "AIDAANN"), "other's session"),
  deny(people, channel, elsewhere(session("AROAEXAMPLE:ann-0a1b2c3d", "AROAEXAMPLE:ann")), "other region"),
  deny(people, "ssm:DescribeSessions", anything, "who else has a tunnel is not his to see"),
];

/** What a tunnel needs beside, and what it does not. */
export const besideTunnelRows: readonly Row[] = [
  allow(people, "ssm:DescribeInstanceInformation", anything, "which bastion is online"),
  allow(people, "ec2:DescribeInstances", anything, "why one is not"),
  allow(people, "ssm:GetParameter", parameter("/postern/dev/manifest"), "where the stage's parts are"),
  deny(people, "ssm:GetParameter", parameter("/postern/staging/manifest"), "other stage"),
  deny(untagged, "ssm:GetParameter", parameter("/postern/dev/manifest"), "untagged"),
  deny(people, "ssm:GetParameter", parameter("/shop/dev/manifest"), "other app"),
  deny(people, "ssm:GetParameter", parameter("/postern/dev/other"), "another parameter of the stage"),
  deny(people, "ssm:GetParameter", parameter("/sst/passphrase/postern/dev"), "it opens the deploy's state"),
  deny(people, "ssm:GetParameter", elsewhere(parameter("/postern/dev/manifest")), "other region"),
  deny(people, "lambda:InvokeFunction", lambda("postern-dev-runner"), "a tunnel is no migration"),
  never(people, "secretsmanager:GetSecretValue", secret("postern/dev/readonly"), "people log in with IAM"),
];
