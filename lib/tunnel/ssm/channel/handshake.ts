import { quote } from "#lib/ssm-protocol/message.ts";
import { actionStatus, type HandshakeRequest, type HandshakeResponse } from "#lib/ssm-protocol/payloads.ts";

/**
 * The version that this client says it is. It decides what the agent does:
 *
 * - at least 1.1.70: several connections at a time;
 * - above 1.2.331.0: the agent sends no keep-alive frames and does not end a session that has none. Those frames would defeat
 *   the idle timeout that an organisation has set;
 * - 1.2.764.0 is the first official client that signs the upgrade of its WebSocket, as this one does.
 *
 * Four parts, because the agent takes a version with fewer for a very old one.
 *
 * @see https://github.com/aws/session-manager-plugin/blob/mainline/RELEASENOTES.md
 */
export const clientVersion = "1.2.764.0";

export type HandshakeAnswer = {
  readonly response: HandshakeResponse;
  /** What this client cannot do, for people; the agent then ends the session. */
  readonly problem: string | undefined;
};

/** Says yes to forwarding a port and to nothing else: encryption with KMS never occurs in such a session. */
export function answerHandshake(request: HandshakeRequest): HandshakeAnswer {
  const problems: string[] = [];
  const actions = request.RequestedClientActions.map(({ ActionType, ActionParameters }) => {
    const found = problemOf(ActionType, ActionParameters);
    const problem = found === undefined ? undefined : quote(found);
    if (problem !== undefined) problems.push(problem);
    return {
      ActionType,
      ActionStatus: problem === undefined ? actionStatus.done : actionStatus.unsupported,
      ActionResult: null,
      Error: problem ?? "",
    };
  });
  if (!actions.some(({ ActionType }) => ActionType === "SessionType")) problems.push("no kind of session is named");
  return {
    response: {
      ClientVersion: clientVersion,
      ProcessedClientActions: actions,
      Errors: problems.length === 0 ? null : problems,
    },
    problem: problems.length === 0 ? undefined : problems.join("; "),
  };
}

type Parameters = HandshakeRequest["RequestedClientActions"][number]["ActionParameters"];

function problemOf(actionType: string, parameters: Parameters): string | undefined {
  if (actionType !== "SessionType") return `the action ${actionType} is not known here`;
  if (parameters?.SessionType !== "Port") {
    return `the session is of the kind ${parameters?.SessionType ?? "(none)"}, expected Port`;
  }
  const type = parameters.Properties?.["type"];
  return type === "LocalPortForwarding"
    ? undefined
    : `the port session is of the type ${typeof type === "string" ? type : "(none)"}, expected LocalPortForwarding`;
}
