import { afterEach, describe, expect, test, vi } from "vitest";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { createSessionApi } from "#lib/tunnel/ssm/session/session-api.ts";
import { waitFor } from "../../../../support/wait-for.ts";
import { awsError, type FakeAnswer, type FakeRequest, startFakeAws } from "../../../stage/fake-aws.ts";

const { signal } = new AbortController();
const request = { target: "i-0abc", documentName: "tunnel" };
const operationOf = ({ headers }: FakeRequest) => String(headers["x-amz-target"]).split(".")[1] ?? "DescribeInstances";
const started = (
  streamUrl = "wss://ssmmessages.eu-central-1.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe",
) => ({
  status: 200,
  body: { SessionId: "s-1", TokenValue: "secret-token", StreamUrl: streamUrl },
});

/** How StartSession fails, with answers by operation. */
async function failure(answers: Readonly<Record<string, FakeAnswer>>, access: Partial<AwsAccess> = {}) {
  await using aws = await startFakeAws((one) => answers[operationOf(one)]);
  using api = createSessionApi({ ...aws.access, ...access });
  const error = await api.start(request, signal).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, requests: aws.requests.map(operationOf) };
}

afterEach(() => vi.unstubAllEnvs());

describe("StartSession", () => {
  test("passes host and port as lists, and asks once", async () => {
    await using aws = await startFakeAws(() => started());
    using api = createSessionApi(aws.access);
    const session = await api.start({ ...request, parameters: { host: "db", portNumber: "5432" } }, signal);
    expect([session.id, session.token, session.streamUrl.host]).toEqual([
      "s-1",
      "secret-token",
      "ssmmessages.eu-central-1.amazonaws.com",
    ]);
    expect(aws.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      {
        Target: "i-0abc",
        DocumentName: "tunnel",
        Reason: "postern tunnel",
        Parameters: { host: ["db"], portNumber: ["5432"] },
      },
    ]);
  });

  test("an answer that is lost is not asked for again: the session would be there twice", async () => {
    const { error, requests } = await failure({ StartSession: undefined });
    expect(error).toMatchObject({ code: "aws.failed", message: expect.stringContaining("did not answer") });
    expect(requests).toEqual(["StartSession"]);
  });

  test.each(["ws://ssmmessages.example/s", "http://127.0.0.1/s"])("sends no token without TLS: %s", async (url) => {
    const { error } = await failure({ StartSession: started(url) });
    expect(error).toMatchObject({ code: "aws.failed", message: expect.stringContaining("expected wss://") });
    expect((error as Error).message).not.toContain("secret-token");
  });

  test("a refusal names the action, the instance and the document", async () => {
    const { error } = await failure({ StartSession: awsError("AccessDeniedException", "not authorized to perform") });
    expect(error).toMatchObject({
      code: "aws.permission",
      message: expect.stringMatching(/ssm:StartSession on instance\/i-0abc with document\/tunnel/u),
    });
  });

  test("a document that is not there is named", async () => {
    const { error } = await failure({
      StartSession: awsError("InvalidDocument", "Document with name tunnel does not exist."),
    });
    expect(error).toMatchObject({ code: "ssm.document-missing", message: expect.stringContaining("tunnel") });
  });

  test.each([
    ["ExpiredTokenException", "The SSO session has expired", "Run `aws sso login --profile work`."],
    ["UnrecognizedClientException", "The security token is invalid", "Sign in (`aws sso login`), or set AWS_PROFILE."],
  ])("credentials that are not valid say how to sign in (%s)", async (name, message, hint) => {
    vi.stubEnv("AWS_PROFILE", "work");
    const { error } = await failure({ StartSession: awsError(name, message) });
    expect(error).toMatchObject({ code: "aws.credentials", hint });
  });

  test("credentials that the local stage does not know are no matter of signing in", async () => {
    const refusal = awsError("UnrecognizedClientException", "SSO");
    const { error } = await failure({ StartSession: refusal }, { source: "local-stage" });
    expect(error).toMatchObject({ code: "aws.credentials", hint: expect.stringContaining("npm run local") });
  });

  test("a clock that is wrong is told by how much, from AWS's own", async () => {
    const date = new Date(Date.now() - 12 * 60_000).toUTCString();
    const name = "InvalidSignatureException";
    const body = { __type: name, message: "Signature not yet current: 2026… is still later than 2026…" };
    const { error } = await failure({
      StartSession: { status: 400, body, headers: { date, "x-amzn-errortype": name } },
    });
    expect(error).toMatchObject({
      code: "aws.clock-skew",
      message: expect.stringContaining("12 minutes ahead of AWS's"),
    });
  });

  test("a signature that is wrong for another reason is a matter of credentials", async () => {
    const { error } = await failure({
      StartSession: awsError("InvalidSignatureException", "The request signature we calculated does not match"),
    });
    expect(error).toMatchObject({ code: "aws.credentials" });
  });

  test("aborted under way rejects at once, and ends what AWS began", async () => {
    let terminated = "";
    await using aws = await startFakeAws((one) => {
      if (operationOf(one) === "StartSession") stop.abort(new Error("enough"));
      if (operationOf(one) === "TerminateSession") terminated = one.body;
      return operationOf(one) === "StartSession" ? started() : { status: 200, body: {} };
    });
    const stop = new AbortController();
    const api = createSessionApi(aws.access);
    await expect(api.start(request, stop.signal)).rejects.toThrow("enough");
    api[Symbol.dispose]();
    await waitFor("its end", () => terminated !== "");
    expect(JSON.parse(terminated)).toEqual({ SessionId: "s-1" });
  });
});

describe("a target that is not connected", () => {
  const notConnected = awsError("TargetNotConnected", "i-0abc is not connected.");
  const unknown = {
    status: 400,
    headers: { "content-type": "text/xml" },
    body: "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>no</Message></Error></Errors></Response>",
  };

  test.each<[string, FakeAnswer, FakeAnswer, string, RegExp]>([
    ["is stopped", instance("stopped"), agent("ConnectionLost"), "ssm.bastion-stopped", /i-0abc is stopped/u],
    [
      "runs without its agent",
      instance("running"),
      agent("ConnectionLost"),
      "ssm.agent-offline",
      /not connected \(ConnectionLost\)/u,
    ],
    ["has never registered", instance("running"), agent(), "ssm.agent-offline", /never registered/u],
    ["does not exist", unknown, agent(), "ssm.target-missing", /no instance i-0abc/u],
    [
      "cannot be looked at",
      undefined,
      undefined,
      "ssm.agent-offline",
      /stopped, its agent is down, or it is not in this account/u,
    ],
  ])("%s", async (_what, ec2, ssm, code, message) => {
    const denied = awsError("AccessDeniedException", "No.");
    const { error } = await failure({
      StartSession: notConnected,
      DescribeInstances: ec2 ?? denied,
      DescribeInstanceInformation: ssm ?? denied,
    });
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe("ResumeSession and TerminateSession", () => {
  test.each<[string, FakeAnswer]>([
    ["an answer without a token", { status: 200, body: { SessionId: "s-1" } }],
    ["a session that AWS does not know", awsError("DoesNotExistException", "Session s-1 does not exist.")],
  ])("%s means that it is over", async (_what, answer) => {
    await using aws = await startFakeAws(() => answer);
    using api = createSessionApi(aws.access);
    expect(await api.resume("s-1", signal)).toBeUndefined();
  });

  test("a session that is over already is terminated", async () => {
    await using aws = await startFakeAws(() => awsError("DoesNotExistException", "Session s-1 does not exist."));
    using api = createSessionApi(aws.access);
    await expect(api.terminate("s-1", signal)).resolves.toBeUndefined();
  });
});

describe("the upgrade of the socket", () => {
  const url = new URL("wss://ssmmessages.eu-central-1.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe");

  test("is signed for ssmmessages in the region of the session", async () => {
    await using aws = await startFakeAws(() => undefined);
    using api = createSessionApi(aws.access);
    const headers = await api.signUpgrade(url);
    expect(headers["authorization"]).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/ssmmessages\/aws4_request, SignedHeaders=host;x-amz-date, Signature=[0-9a-f]{64}$/u,
    );
    expect(headers["host"]).toBe("ssmmessages.eu-central-1.amazonaws.com");
  });

  test("is not signed again where the address carries a signature", async () => {
    await using aws = await startFakeAws(() => undefined);
    using api = createSessionApi(aws.access);
    expect(await api.signUpgrade(new URL(`${url.href}&X-Amz-Signature=0123`))).toEqual({});
  });
});

function agent(PingStatus?: string): FakeAnswer {
  return {
    status: 200,
    body: { InstanceInformationList: PingStatus === undefined ? [] : [{ InstanceId: "i-0abc", PingStatus }] },
  };
}

function instance(state: string): FakeAnswer {
  return {
    status: 200,
    headers: { "content-type": "text/xml" },
    body: `<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-0abc</instanceId><instanceState><name>${state}</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`,
  };
}
