import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { localInstanceId, type SessionGateway } from "#lib/local/gateway/gateway.ts";
import { findFreePort } from "#lib/local/net/free-port.ts";
import { type PortServer, startPortServer } from "../../../support/port-server.ts";
import { openRawClient, readSmux, smuxFrame } from "../../../support/raw-session-client.ts";
import { openTestSession, startTestGateway } from "../../../support/session-gateway.ts";
import { waitFor } from "../../../support/wait-for.ts";

let echo: PortServer;
let gateway: SessionGateway;
beforeAll(async () => {
  echo = await startPortServer();
  gateway = await startTestGateway(echo);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await echo[Symbol.asyncDispose]();
});

describe("the handshake", () => {
  test("begins with the agent's request, its message 0, in the form of the official agent", async () => {
    await using client = await openTestSession(gateway);
    const request = await client.find("a request", ({ payloadType }) => payloadType === 5);
    expect(request).toMatchObject({
      type: "output_stream_data",
      schemaVersion: 1,
      sequenceNumber: 0,
      flags: 1,
      isWhole: true,
    });
    expect(Math.abs(request.createdMs - Date.now())).toBeLessThan(60_000);
    expect(JSON.parse(request.payload.toString())).toEqual({
      AgentVersion: "3.3.1142.0",
      RequestedClientActions: [
        {
          ActionType: "SessionType",
          ActionParameters: {
            SessionType: "Port",
            Properties: { host: "db.internal", portNumber: "5432", localPortNumber: "0", type: "LocalPortForwarding" },
          },
        },
      ],
    });
  });

  test("acknowledges the response before it completes, and then nothing comes until the client's first bytes", async () => {
    await using client = await openTestSession(gateway);
    await client.handshake();
    expect(client.received.map(({ type, payloadType }) => [type, payloadType])).toEqual([
      ["output_stream_data", 5],
      ["acknowledge", 0],
      ["output_stream_data", 7],
    ]);
    const [, acknowledgement, complete] = client.received;
    expect(acknowledgement).toMatchObject({ flags: 3, sequenceNumber: 0 });
    expect(JSON.parse(acknowledgement?.payload.toString() ?? "")).toMatchObject({
      AcknowledgedMessageType: "input_stream_data",
      AcknowledgedMessageSequenceNumber: 0,
      IsSequentialMessage: true,
    });
    expect(JSON.parse(complete?.payload.toString() ?? "")).toEqual({
      HandshakeTimeToComplete: expect.any(Number),
      CustomerMessage: "",
    });
  });

  test("bytes before its end are neither taken nor acknowledged", async () => {
    await using client = await openTestSession(gateway);
    client.send({ type: "input_stream_data", sequenceNumber: 0, payloadType: 1, payload: smuxFrame(0, 3) });
    await client.handshake();
    expect(client.acknowledged()).toEqual([0]);
  });

  test("an action that the client did not do ends the session", async () => {
    await using client = await openTestSession(gateway);
    await client.find("a request", ({ payloadType }) => payloadType === 5);
    const failed = { ActionType: "SessionType", ActionStatus: 3, ActionResult: null, Error: "no" };
    client.input(
      Buffer.from(JSON.stringify({ ClientVersion: "1", ProcessedClientActions: [failed], Errors: null })),
      6,
    );
    await client.find("the end", ({ type }) => type === "channel_closed");
    expect(await client.closed).toMatchObject({ code: 1000 });
  });
});

describe("several connections", () => {
  test("each gets its own bytes back, and large ones whole, in payloads of 1024 bytes at most", async () => {
    await using client = await openTestSession(gateway);
    await client.handshake();
    const large = randomBytes(300_000);
    client.input(smuxFrame(0, 3));
    client.input(
      Buffer.concat([smuxFrame(0, 5), smuxFrame(2, 5, Buffer.from("small")), smuxFrame(2, 99, large.subarray(0, 9))]),
    );
    for (let offset = 0; offset < large.length; offset += 30_000) {
      client.input(smuxFrame(2, 3, large.subarray(offset, offset + 30_000)));
    }
    await waitFor("all of it", () => readSmux(client.data()).data.get(3)?.length === large.length);
    const { data } = readSmux(client.data());
    expect(data.get(3)?.equals(large)).toBe(true);
    expect(data.get(5)?.toString()).toBe("small");
    expect(data.has(99)).toBe(false);
    const sizes = client.received.filter(({ payloadType }) => payloadType === 1).map(({ payload }) => payload.length);
    expect(Math.max(...sizes)).toBe(1024);
    expect(gateway.sessions().find(({ sessionId }) => sessionId === client.sessionId)?.agent).toMatchObject({
      multiplexes: true,
      openConnections: 2,
    });
  });

  test("a FIN of the client closes the connection after what was sent, and is answered", async () => {
    await using port = await startPortServer((socket) => socket.resume());
    await using own = await startTestGateway(port);
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(Buffer.concat([smuxFrame(0, 3), smuxFrame(2, 3, Buffer.alloc(60_000)), smuxFrame(1, 3)]));
    await waitFor("its FIN", () => readSmux(client.data()).frames.includes("fin 3"));
    await waitFor("the port's end", () => port.sockets[0]?.readableEnded === true);
    expect(port.sockets[0]?.bytesRead).toBe(60_000);
  });

  test("a port that closes is a FIN behind its last bytes; what the client still sends for it is dropped", async () => {
    await using port = await startPortServer((socket) => socket.end("bye"));
    await using own = await startTestGateway(port);
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(smuxFrame(0, 3));
    await waitFor("its FIN", () => readSmux(client.data()).frames.includes("fin 3"));
    expect(readSmux(client.data()).frames).toEqual(["psh 3", "fin 3"]);
    const number = client.input(Buffer.concat([smuxFrame(2, 3, Buffer.from("late")), smuxFrame(3, 0)]));
    await waitFor("its acknowledgement", () => client.acknowledged().includes(number));
  });

  test("a port that refuses is a flag, then a FIN", async () => {
    const refused = { host: "127.0.0.1", port: await findFreePort() };
    await using own = await startTestGateway(refused);
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(smuxFrame(0, 3));
    const flag = await client.find("the flag", ({ payloadType }) => payloadType === 10);
    expect([...flag.payload]).toEqual([0, 0, 0, 3]);
    await waitFor("its FIN", () => readSmux(client.data()).frames.includes("fin 3"));
  });

  test("a host that the bastion does not know is silence: the handshake succeeds, nothing after it is acknowledged", async () => {
    let lookUps = 0;
    const database = () => {
      lookUps += 1;
      return undefined;
    };
    await using own = await startTestGateway(echo, { database });
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(smuxFrame(0, 3));
    client.input(smuxFrame(0, 5));
    await waitFor("their arrival", () => own.sessions()[0]?.up.messages["input_stream_data"] === 3);
    expect(client.acknowledged()).toEqual([0]);
    expect(lookUps).toBe(1);
  });

  test.each([
    ["another version", Buffer.from([2, 0, 0, 0, 3, 0, 0, 0])],
    ["an unknown command", Buffer.from([1, 4, 0, 0, 3, 0, 0, 0])],
  ])("%s kills the session, and what was connected", async (_case, bytes) => {
    await using port = await startPortServer();
    await using own = await startTestGateway(port);
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(smuxFrame(0, 3));
    await waitFor("a connection", () => port.open() === 1);
    client.input(bytes);
    await client.find("the end", ({ type }) => type === "channel_closed");
    await waitFor("its end", () => port.open() === 0);
    expect(own.sessions()).toMatchObject([{ state: "over", endedBy: "agent" }]);
  });
});

describe("one connection at a time, with an old agent or client", () => {
  test.each([
    ["3.0.196.0", "1.2.677.0"],
    ["3.3.1142.0", "1.1.69.0"],
  ])("agent %s, client %s", async (agentVersion, clientVersion) => {
    await using port = await startPortServer();
    await using own = await startTestGateway(port, { agentVersion });
    await using client = await openTestSession(own);
    await client.handshake(clientVersion);
    client.input(Buffer.from("first"));
    await waitFor("the echo", () => client.data().toString() === "first");
    client.input(Buffer.from([0, 0, 0, 1]), 10);
    await waitFor("the end of the first", () => port.sockets.length === 1 && port.open() === 0);
    client.input(Buffer.from("second"));
    await waitFor("the echo", () => client.data().toString() === "firstsecond");
    expect(port.sockets).toHaveLength(2);
  });
});

describe("the end", () => {
  test("the client's flag is acknowledged, then the connections and the socket are closed", async () => {
    await using port = await startPortServer();
    await using own = await startTestGateway(port);
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(smuxFrame(0, 3));
    await waitFor("a connection", () => port.open() === 1);
    const number = client.input(Buffer.from([0, 0, 0, 2]), 10);
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(client.acknowledged()).toContain(number);
    await waitFor("its end", () => port.open() === 0);
    expect(own.resumeSession(client.sessionId).tokenValue).toBeUndefined();
  });

  test("the service closes the channel with its reason", async () => {
    await using client = await openTestSession(gateway);
    await client.handshake();
    gateway.closeChannels("Session terminated by an administrator", client.sessionId);
    const closed = await client.find("the message", ({ type }) => type === "channel_closed");
    expect(JSON.parse(closed.payload.toString())).toMatchObject({
      MessageType: "channel_closed",
      SessionId: client.sessionId,
      DestinationId: localInstanceId,
      SchemaVersion: 1,
      Output: "Session terminated by an administrator",
    });
  });
});

test("a session without data is ended by the service; acknowledgements and pings do not count", async () => {
  await using own = await startTestGateway(echo, { idleTimeoutMs: 1000 });
  await using client = await openTestSession(own);
  await client.handshake();
  const pings = setInterval(() => {
    client.socket.ping();
    for (const message of client.received) client.acknowledge(message);
  }, 20);
  const closed = await client.find("the end", ({ type }) => type === "channel_closed");
  clearInterval(pings);
  expect(closed.payload.toString()).toContain("inactivity");
  expect(own.sessions()).toMatchObject([{ state: "over", endedBy: "service" }]);
});

describe("a socket that is lost", () => {
  test.each([["cut" as const], [{ code: 1000, reason: "Bye" }]])(
    "%j: the session goes on with a new token",
    async (how) => {
      await using client = await openTestSession(gateway);
      await client.handshake();
      client.input(Buffer.concat([smuxFrame(0, 3), smuxFrame(2, 3, Buffer.from("before "))]));
      await waitFor("the echo", () => readSmux(client.data()).data.get(3)?.toString() === "before ");
      gateway.dropSockets(how, client.sessionId);
      await client.closed;
      const { tokenValue = "", streamUrl } = gateway.resumeSession(client.sessionId);
      await client.reopen({ tokenValue, streamUrl });
      client.input(smuxFrame(2, 3, Buffer.from("after")));
      await waitFor("the echo", () => readSmux(client.data()).data.get(3)?.toString() === "before after");
      const requests = client.received.filter(({ payloadType }) => payloadType === 5);
      expect(requests).toHaveLength(1);
      expect(gateway.sessions().find(({ sessionId }) => sessionId === client.sessionId)).toMatchObject({
        reconnects: 1,
      });
    },
  );

  test("what the agent sends meanwhile comes later, one every 100 ms", async () => {
    await using port = await startPortServer();
    await using own = await startTestGateway(port);
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(smuxFrame(0, 3));
    await waitFor("a connection", () => port.sockets.length === 1);
    own.dropSockets("cut");
    await client.closed;
    port.sockets[0]?.write("meanwhile");
    await waitFor("it is kept", () => (own.sessions()[0]?.agent.unackedBytes ?? 0) > 0);
    const { tokenValue = "", streamUrl } = own.resumeSession(client.sessionId);
    await client.reopen({ tokenValue, streamUrl });
    await waitFor("it comes", () => readSmux(client.data()).data.get(3)?.toString() === "meanwhile");
    expect(own.sessions()[0]?.agent.resent).toBeGreaterThan(0);
  });

  test("a newer socket takes the place of the older", async () => {
    await using client = await openTestSession(gateway);
    await client.handshake();
    const older = client.closed;
    const { tokenValue = "", streamUrl } = gateway.resumeSession(client.sessionId);
    await client.reopen({ tokenValue, streamUrl });
    expect(await older).toMatchObject({ code: 1000 });
    client.input(smuxFrame(0, 3));
    await waitFor("an acknowledgement", () => client.acknowledged().includes(1));
  });

  test.each([
    ["another token", { tokenValue: "wrong" }],
    ["the token of before", {}],
  ])("%s opens nothing", async (_case, changes) => {
    const access = gateway.startSession({ target: localInstanceId, documentName: "tunnel" });
    if (!("tokenValue" in changes)) gateway.resumeSession(access.sessionId);
    await using client = await openRawClient({ ...access, ...changes });
    expect(await client.closed).toMatchObject({ code: 1008 });
    expect(client.received).toEqual([]);
  });

  test("another client opens nothing, though it has the token", async () => {
    await using first = await openTestSession(gateway);
    await first.handshake();
    const { tokenValue = "", streamUrl } = gateway.resumeSession(first.sessionId);
    await using second = await openRawClient({ tokenValue, streamUrl });
    expect(await second.closed).toMatchObject({ code: 1008 });
  });
});

describe("messages", () => {
  test("an old one is acknowledged again; an early one is acknowledged at once and kept", async () => {
    await using client = await openTestSession(gateway);
    await client.handshake();
    const early = smuxFrame(2, 3, Buffer.from("hello"));
    client.send({ type: "input_stream_data", sequenceNumber: 2, payloadType: 1, payload: early });
    client.send({ type: "input_stream_data", sequenceNumber: 0, payloadType: 6, payload: Buffer.from("{}") });
    await waitFor("both acknowledgements", () => client.acknowledged().length === 3);
    expect(client.acknowledged()).toEqual([0, 2, 0]);
    client.input(smuxFrame(0, 3));
    await waitFor("the echo", () => readSmux(client.data()).data.get(3)?.toString() === "hello");
  });

  test("one whose payload is not what its digest says is dropped", async () => {
    await using client = await openTestSession(gateway);
    await client.handshake();
    client.sendBytes(randomBytes(300));
    client.sendBytes(Buffer.alloc(3));
    const number = client.input(smuxFrame(0, 3));
    await waitFor("an acknowledgement", () => client.acknowledged().includes(number));
    expect(gateway.sessions().find(({ sessionId }) => sessionId === client.sessionId)?.up.unreadable).toBe(2);
  });

  test("one that the client does not acknowledge is sent again until it does", async () => {
    await using client = await openTestSession(gateway, { acknowledges: false });
    await waitFor("three of it", () => client.received.length >= 3);
    expect(new Set(client.received.map(({ id }) => id)).size).toBe(1);
    for (const message of client.received.slice(0, 1)) client.acknowledge(message);
    await waitFor("it is off the list", () => sessionOf(client.sessionId)?.agent.unackedBytes === 0);
  });

  test("text after the first frame closes the socket", async () => {
    await using client = await openTestSession(gateway);
    client.sendBytes("text");
    expect(await client.closed).toMatchObject({ code: 1003 });
  });
});

function sessionOf(id: string) {
  return gateway.sessions().find(({ sessionId }) => sessionId === id);
}
