import { tunnelDocumentName } from "#lib/contract.ts";

/** Documents of AWS's by which the caller chooses where a session leads. */
const anywhere = [
  "AWS-StartPortForwardingSession",
  "AWS-StartPortForwardingSessionToRemoteHost",
  "AWS-StartSSHSession",
  "SSM-SessionManagerRunShell",
];

/**
 * CloudTrail's events of sessions that may lead to a protected stage, as EventBridge tells them. Pure.
 *
 * 1. With the document of a protected stage: its tunnel.
 * 2. With one that leads anywhere, or none (a shell): of these the event names the instance alone, and an instance's stage is not
 *    known before it is there. So all of the account are told, those to other stages, too.
 *
 * Attempts that were refused are told as well: CloudTrail records them with an `errorCode`.
 */
export function sessionsToTell(protectedStages: readonly string[]) {
  return {
    source: ["aws.ssm"],
    "detail-type": ["AWS API Call via CloudTrail"],
    detail: {
      eventSource: ["ssm.amazonaws.com"],
      eventName: ["StartSession"],
      requestParameters: {
        documentName: [...protectedStages.map(tunnelDocumentName), ...anywhere, { exists: false }],
      },
    },
  } as const;
}
