import {
  DescribeInstanceInformationCommand,
  GetConnectionStatusCommand,
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  type StartSessionCommandInput,
  TerminateSessionCommand,
} from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import type { SessionGateway } from "#lib/local/gateway/gateway.ts";
import { disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";
import { type PortServer, startPortServer } from "../../support/port-server.ts";
import { openRawClient, readSmux, smuxFrame } from "../../support/raw-session-client.ts";
import { startTestGateway } from "../../support/session-gateway.ts";
import { waitFor } from "../../support/wait-for.ts";

const online = "i-0123456789abcdef0";
const stopped = "i-0123456789abcdef1";
const offline = "i-0123456789abcdef2";
const remoteHost = "AWS-StartPortForwardingSessionToRemoteHost";

let port: PortServer;
let gateway: SessionGateway;
let endpoint: TestEndpoint;
beforeAll(async () => {
  port = await startPortServer();
  gateway = await startTestGateway(port, {
    targets: [
      { instanceId: online, state: "online" },
      { instanceId: stopped, state: "stopped" },
      { instanceId: offline, state: "offline" },
    ],
  });
  endpoint = await startTestEndpoint({ sessions: gateway });
});
afterAll(async () => {
  await endpoint[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await port[Symbol.asyncDispose]();
});

describe("a session through the API", () => {
  test("starts, carries bytes, is resumed and terminated", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const started = await ssm.send(
      new StartSessionCommand({
        Target: online,
        DocumentName: remoteHost,
        Parameters: { host: ["db.internal"], portNumber: ["5432"], localPortNumber: ["0"] },
        Reason: "a test",
      }),
    );
    const { SessionId = "", TokenValue = "", StreamUrl = "" } = started;
    expect(StreamUrl).toBe(`${gateway.url}/v1/data-channel/${SessionId}?role=publish_subscribe`);

    await using client = await openRawClient({ streamUrl: StreamUrl, tokenValue: TokenValue });
    await client.handshake();
    client.input(Buffer.concat([smuxFrame(0, 3), smuxFrame(2, 3, Buffer.from("hello"))]));
    await waitFor("the echo", () => readSmux(client.data()).data.get(3)?.toString() === "hello");

    const resumed = await ssm.send(new ResumeSessionCommand({ SessionId }));
    expect(resumed).toMatchObject({ SessionId, StreamUrl, TokenValue: expect.any(String) });
    expect(resumed.TokenValue).not.toBe(TokenValue);

    expect(await ssm.send(new TerminateSessionCommand({ SessionId }))).toMatchObject({ SessionId });
    await client.find("the end", ({ type }) => type === "channel_closed");
    expect((await ssm.send(new ResumeSessionCommand({ SessionId }))).TokenValue).toBeUndefined();
  });

  test("terminating one that is over, or never was, succeeds as it does at AWS", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    expect(await ssm.send(new TerminateSessionCommand({ SessionId: "nobody-1" }))).toMatchObject({
      SessionId: "nobody-1",
    });
  });

  test("a document with a fixed host and port takes no parameters", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const { SessionId } = await ssm.send(new StartSessionCommand({ Target: online, DocumentName: "tunnel" }));
    const facts = gateway.sessions().find(({ sessionId }) => sessionId === SessionId);
    expect(facts).toMatchObject({ destination: { host: "db.internal", port: 5432 }, state: "waiting" });
  });
});

describe("StartSession refuses in AWS's words", () => {
  const toRemoteHost = (parameters: Record<string, string[]>) => ({
    Target: online,
    DocumentName: remoteHost,
    Parameters: parameters,
  });
  test.each<[string, StartSessionCommandInput, string, string]>([
    ["an instance that is stopped", { Target: stopped, DocumentName: "tunnel" }, "TargetNotConnected", stopped],
    ["an agent that is offline", { Target: offline, DocumentName: "tunnel" }, "TargetNotConnected", offline],
    [
      "an instance that nobody knows",
      { Target: "i-9", DocumentName: "tunnel" },
      "TargetNotConnected",
      "i-9 is not connected.",
    ],
    ["an unknown document", { Target: online, DocumentName: "nowhere" }, "InvalidDocument", "nowhere"],
    ["a shell", { Target: online }, "InvalidDocument", "SSM-SessionManagerRunShell"],
    ["a document's name that can be none", { Target: online, DocumentName: "a b" }, "ValidationException", "Document"],
    [
      "a port that is none",
      toRemoteHost({ host: ["db.internal"], portNumber: ["65536"] }),
      "InvalidParameters",
      '"65536"',
    ],
    ["a host that is none", toRemoteHost({ host: ["a;b"], portNumber: ["1"] }), "InvalidParameters", '"a;b"'],
    ["several hosts", toRemoteHost({ host: ["db-1", "db-2"] }), "InvalidParameters", "db-1,db-2"],
    ["a parameter the document lacks", toRemoteHost({ user: ["me"] }), "InvalidParameters", '"user"'],
    [
      "parameters for a document that has none",
      { Target: online, DocumentName: "tunnel", Parameters: { host: ["elsewhere"] } },
      "InvalidParameters",
      '"host"',
    ],
  ])("%s", async (_case, input, name, message) => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const error = await errorOf(ssm.send(new StartSessionCommand(input)));
    expect(error).toMatchObject({ name, status: 400, message: expect.stringContaining(message) });
  });

  test("who may not start one: as told", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const text = `User: arn:aws:iam::1:user/me is not authorized to perform: ssm:StartSession on resource: arn:aws:ec2:x:1:instance/${online}`;
    gateway.faults = { refuseStart: new AwsError("AccessDeniedException", text) };
    const error = await errorOf(ssm.send(new StartSessionCommand({ Target: online, DocumentName: "tunnel" })));
    gateway.faults = {};
    expect(error).toMatchObject({ name: "AccessDeniedException", message: text, status: 400 });
  });
});

describe("ResumeSession", () => {
  test("does not know a session that never was", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const error = await errorOf(ssm.send(new ResumeSessionCommand({ SessionId: "nobody-1" })));
    expect(error).toMatchObject({ name: "DoesNotExistException", status: 400 });
  });

  test("can be made to say that a session is over, or to fail", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const { SessionId } = await ssm.send(new StartSessionCommand({ Target: online, DocumentName: "tunnel" }));
    gateway.faults = { refuseResume: "ended" };
    expect((await ssm.send(new ResumeSessionCommand({ SessionId }))).TokenValue).toBeUndefined();
    gateway.faults = { refuseResume: new AwsError("InternalServerError", "Later.", { statusCode: 500 }) };
    const error = await errorOf(ssm.send(new ResumeSessionCommand({ SessionId })));
    gateway.faults = {};
    expect(error).toMatchObject({ name: "InternalServerError", status: 500 });
    expect((await ssm.send(new ResumeSessionCommand({ SessionId }))).TokenValue).toEqual(expect.any(String));
  });
});

describe("the state of a target", () => {
  test("is told for one and for all", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const statusOf = async (Target: string) => (await ssm.send(new GetConnectionStatusCommand({ Target }))).Status;
    expect(await Promise.all([online, stopped, offline, "i-9"].map(statusOf))).toEqual([
      "connected",
      "notconnected",
      "notconnected",
      "notconnected",
    ]);
    const all = await ssm.send(new DescribeInstanceInformationCommand({}));
    expect(all.InstanceInformationList?.map(({ InstanceId, PingStatus }) => [InstanceId, PingStatus])).toEqual([
      [online, "Online"],
      [stopped, "ConnectionLost"],
      [offline, "ConnectionLost"],
    ]);
    const Filters = [{ Key: "InstanceIds", Values: [offline, "i-9"] }];
    const some = await ssm.send(new DescribeInstanceInformationCommand({ Filters }));
    expect(some.InstanceInformationList?.map(({ InstanceId }) => InstanceId)).toEqual([offline]);
  });

  test("may change: an agent that comes back takes sessions", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    gateway.setTarget(offline, "online");
    const started = await ssm.send(new StartSessionCommand({ Target: offline, DocumentName: "tunnel" }));
    gateway.setTarget(offline, "offline");
    expect(started.TokenValue).toEqual(expect.any(String));
  });

  test("an unknown filter is refused", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const Filters = [{ Key: "Colour", Values: ["red"] }];
    const error = await errorOf(ssm.send(new DescribeInstanceInformationCommand({ Filters })));
    expect(error).toMatchObject({ name: "InvalidFilterKey", status: 400 });
  });
});

test("without a session manager nothing is connected, and no session is known", async () => {
  await using bare = await startTestEndpoint();
  using ssm = disposable(new SSMClient(bare.config()));
  const start = await errorOf(ssm.send(new StartSessionCommand({ Target: online, DocumentName: "tunnel" })));
  expect(start.name).toBe("TargetNotConnected");
  expect((await errorOf(ssm.send(new ResumeSessionCommand({ SessionId: "one-1" })))).name).toBe(
    "DoesNotExistException",
  );
  expect(await ssm.send(new TerminateSessionCommand({ SessionId: "one-1" }))).toMatchObject({ SessionId: "one-1" });
});
