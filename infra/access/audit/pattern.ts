import { tunnelDocumentName } from "#lib/contract.ts";

/**
 * CloudTrail's events of sessions that may lead to a protected stage, as EventBridge tells them: all but those with the tunnel's
 * document of an unprotected one. Pure.
 *
 * Of a session the event names the instance, whose stage is not known before it is there, and the document as whoever asked wrote it: by
 * name or by ARN, one of AWS's or of his own that leads anywhere, or none (a shell). So that a list of those to tell would leave some out.
 *
 * Attempts that were refused are told as well: CloudTrail records them with an `errorCode`.
 */
export function sessionsToTell(unprotectedStages: readonly string[]) {
  const others = unprotectedStages.map(tunnelDocumentName);
  return {
    source: ["aws.ssm"],
    "detail-type": ["AWS API Call via CloudTrail"],
    detail: {
      eventSource: ["ssm.amazonaws.com"],
      eventName: ["StartSession"],
      // EventBridge takes no empty list.
      ...(others.length === 0
        ? {}
        : { requestParameters: { documentName: [{ "anything-but": others }, { exists: false }] } }),
    },
  } as const;
}
