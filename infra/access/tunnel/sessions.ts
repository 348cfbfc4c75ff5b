import { tagKeys, tunnelDocumentName } from "#lib/contract.ts";
import type { Account } from "../settings.ts";
import { arn } from "../arn.ts";
import { ownStage, taggedAsOwnStage } from "../own-stage.ts";
import type { Statement } from "../statement.ts";

/**
 * In every statement that allows `ssm:StartSession`: else a session without a document is a shell on the bastion, whatever
 * documents are allowed. `IfExists`, because AWS sends the key with requests for an instance only.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-sessiondocumentaccesscheck.html
 */
const withDocumentOnly = { BoolIfExists: { "ssm:SessionDocumentAccessCheck": "true" } };

/** AWS's own, which lets the caller pick host and port. It belongs to no account. */
const anyHostDocument = "AWS-StartPortForwardingSessionToRemoteHost";

/** What the command line asks for a tunnel to one's own stage: to its bastions, and with its document. */
export function mayTunnel(account: Account): readonly Statement[] {
  return [
    {
      Sid: "BastionsOfOwnStage",
      Effect: "Allow",
      Action: ["ssm:StartSession"],
      Resource: [arn(account, "ec2", "instance/*")],
      Condition: {
        StringEquals: { ...taggedAsOwnStage("ssm:resourceTag"), [`ssm:resourceTag/${tagKeys.part}`]: "network" },
        ...withDocumentOnly,
      },
    },
    startWith("DocumentOfOwnStage", arn(account, "ssm", `document/${tunnelDocumentName(ownStage)}`)),
    ...maySteerOwnSessions(account),
    {
      // Which bastion is online, and what became of one that is not. AWS takes no resource for either.
      Sid: "StateOfBastions",
      Effect: "Allow",
      Action: ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation"],
      Resource: ["*"],
    },
  ];
}

/** Through the same bastions to any host (`ssm-tunnel --target`): whatever they reach, the caller reaches. */
export function mayTunnelToAnyHost(account: Account): Statement {
  return startWith("DocumentForAnyHost", arn(account, "ssm", `document/${anyHostDocument}`, { account: "" }));
}

function startWith(sid: string, document: string): Statement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: ["ssm:StartSession"],
    Resource: [document],
    Condition: withDocumentOnly,
  };
}

/**
 * One's own sessions, by the tag that Session Manager puts on each: the id of the user, or `role-id:session-name`, both of
 * which are `aws:userid`. Not by the session's name (`session/${aws:username}-*`): `ann` would have those of `ann-marie`, too,
 * and sessions of a role are named for the role's session, which whoever takes the role may choose.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-examples.html
 *
 * The data channel has no such tag: its statement is AWS's own, with that weakness. A channel needs its session's token as well, which
 * whoever began the session has.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
 */
function maySteerOwnSessions(account: Account): readonly Statement[] {
  return [
    {
      Sid: "OwnSessions",
      Effect: "Allow",
      Action: ["ssm:ResumeSession", "ssm:TerminateSession"],
      Resource: [arn(account, "ssm", "session/*")],
      Condition: { StringEquals: { "ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}" } },
    },
    {
      Sid: "OwnDataChannels",
      Effect: "Allow",
      Action: ["ssmmessages:OpenDataChannel"],
      Resource: [arn(account, "ssm", "session/${aws:userid}-*")],
    },
  ];
}
