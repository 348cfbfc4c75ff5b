import { expect, test } from "vitest";
import { featuresOfClient, isNewerThan } from "#lib/ssm-protocol/versions.ts";
import { answerHandshake, clientVersion } from "#lib/tunnel/ssm/channel/handshake.ts";

const portSession = (SessionType = "Port", type: string | undefined = "LocalPortForwarding") => ({
  AgentVersion: "3.3.1142.0",
  RequestedClientActions: [
    {
      ActionType: "SessionType",
      ActionParameters: { SessionType, Properties: { host: "db", portNumber: "5432", type } },
    },
  ],
});

test("says yes to a port session", () => {
  expect(answerHandshake(portSession())).toEqual({
    problem: undefined,
    response: {
      ClientVersion: clientVersion,
      ProcessedClientActions: [{ ActionType: "SessionType", ActionStatus: 1, ActionResult: null, Error: "" }],
      Errors: null,
    },
  });
});

test.each([
  ["a shell", portSession("Standard_Stream"), /kind Standard_Stream/u],
  ["another kind of port session", portSession("Port", "Other"), /type Other/u],
  ["encryption", { AgentVersion: "3", RequestedClientActions: [{ ActionType: "KMSEncryption" }] }, /KMSEncryption/u],
  ["nothing", { AgentVersion: "3", RequestedClientActions: [] }, /no kind of session/u],
])("says no to %s, and why", (_what, request, problem) => {
  const answer = answerHandshake(request);
  expect(answer.problem).toMatch(problem);
  expect(answer.response.ProcessedClientActions.map(({ ActionStatus }) => ActionStatus)).not.toContain(1);
});

test("quotes what it does not know without letting it steer a terminal", () => {
  const { problem } = answerHandshake(portSession(`\u001B[2J${"x".repeat(1000)}`));
  expect(problem).toMatch(/^the session is of the kind \?\[2Jx+…/u);
  expect(problem?.length).toBeLessThan(400);
});

test("claims a version that multiplexes, sends no keep-alives and signs", () => {
  expect(featuresOfClient(clientVersion)).toEqual({ multiplexes: true, needsKeepAlive: false });
  expect(isNewerThan(clientVersion, "1.2.763.0")).toBe(true);
  expect(clientVersion.split(".")).toHaveLength(4);
});
