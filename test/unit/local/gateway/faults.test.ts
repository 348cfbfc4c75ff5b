import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SessionGateway } from "#lib/local/gateway/gateway.ts";
import { type PortServer, startPortServer } from "../../../support/port-server.ts";
import { type RawClient, readSmux, smuxFrame } from "../../../support/raw-session-client.ts";
import { openTestSession, startTestGateway } from "../../../support/session-gateway.ts";
import { waitFor } from "../../../support/wait-for.ts";

let echo: PortServer;
let gateway: SessionGateway;
beforeEach(async () => {
  echo = await startPortServer();
  gateway = await startTestGateway(echo);
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await echo[Symbol.asyncDispose]();
});

describe("messages to the client", () => {
  test("that are lost, copied, delayed and out of order give the same bytes in the end", async () => {
    const fates = ["lose", "duplicate", "reorder", { delayMs: 30 }] as const;
    gateway.faults = { down: { decide: (_message, index) => (index > 6 ? fates[index % 7] : undefined) } };
    await using client = await openStream(gateway);
    const bytes = randomBytes(12_000);
    client.input(smuxFrame(2, 3, bytes));
    await waitFor("all of it", () => readSmux(client.data()).data.get(3)?.length === bytes.length, 10_000);
    expect(readSmux(client.data()).data.get(3)?.equals(bytes)).toBe(true);
    const [facts] = gateway.sessions();
    expect(facts?.agent.resent).toBeGreaterThan(0);
    expect(facts?.down.dataBytes).toBeGreaterThan(bytes.length);
  }, 15_000);
});

describe("messages of the client", () => {
  test("that are lost are not acknowledged; the same number sent again is", async () => {
    let isLossy = false;
    gateway.faults = { up: { decide: () => (isLossy ? "lose" : undefined) } };
    await using client = await openStream(gateway);
    isLossy = true;
    const frame = smuxFrame(2, 3, Buffer.from("again"));
    const number = client.input(frame);
    await waitFor("its arrival", () => gateway.sessions()[0]?.up.messages["input_stream_data"] === 3);
    expect(client.acknowledged()).not.toContain(number);
    isLossy = false;
    client.send({ type: "input_stream_data", sequenceNumber: number, payloadType: 1, payload: frame });
    await waitFor("the echo", () => readSmux(client.data()).data.get(3)?.toString() === "again");
  });
});

describe("any chance", () => {
  test.each([1, 2, 3])(
    "of loss, copies, delay and disorder up to a fifth gives the same bytes, seed %i",
    async (seed) => {
      await using own = await startTestGateway(echo, { payloadBytes: 16_384 });
      const lane = { lose: 0.2, duplicate: 0.2, reorder: 0.2, delay: { share: 0.2, ms: 30 } };
      own.faults = { up: { ...lane, seed }, down: { ...lane, seed: seed + 100 } };
      await using client = await openTestSession(own, { resendMs: 20 });
      await client.handshake();
      client.input(smuxFrame(0, 3));
      const bytes = randomBytes(200_000);
      for (let offset = 0; offset < bytes.length; offset += 5_000) {
        client.input(smuxFrame(2, 3, bytes.subarray(offset, offset + 5_000)));
      }
      await waitFor("all of it", () => readSmux(client.data()).data.get(3)?.length === bytes.length, 30_000);
      expect(readSmux(client.data()).data.get(3)?.equals(bytes)).toBe(true);
    },
    35_000,
  );
});

describe("a black hole", () => {
  test("takes sockets and gives nothing back, not even a pong; behind it everything is still there", async () => {
    await using client = await openStream(gateway);
    gateway.faults = { blackHole: true };
    let pongs = 0;
    client.socket.on("pong", () => (pongs += 1));
    client.socket.ping();
    const frame = smuxFrame(2, 3, Buffer.from("hello"));
    const number = client.input(frame);
    await waitFor("its arrival", () => gateway.sessions()[0]?.up.messages["input_stream_data"] === 3);
    const { tokenValue = "", streamUrl } = gateway.resumeSession(client.sessionId);
    await client.reopen({ tokenValue, streamUrl });
    expect([pongs, client.acknowledged().includes(number)]).toEqual([0, false]);

    gateway.faults = {};
    client.send({ type: "input_stream_data", sequenceNumber: number, payloadType: 1, payload: frame });
    await waitFor("the echo", () => readSmux(client.data()).data.get(3)?.toString() === "hello");
    client.socket.on("pong", () => (pongs += 1));
    client.socket.ping();
    await waitFor("a pong", () => pongs === 1);
  });
});

describe("an agent", () => {
  test("that is silent keeps its connections, and goes on when it is back", async () => {
    await using client = await openStream(gateway);
    gateway.faults = { silentAgent: true };
    const frame = smuxFrame(2, 3, Buffer.from("hello"));
    const number = client.input(frame);
    await waitFor("its arrival", () => gateway.sessions()[0]?.up.messages["input_stream_data"] === 3);
    expect([client.acknowledged().includes(number), echo.open()]).toEqual([false, 1]);
    gateway.faults = {};
    client.send({ type: "input_stream_data", sequenceNumber: number, payloadType: 1, payload: frame });
    await waitFor("the echo", () => readSmux(client.data()).data.get(3)?.toString() === "hello");
  });

  test("that is killed loses its connections and says nothing; the next session has a new one", async () => {
    await using client = await openStream(gateway);
    const before = client.received.length;
    gateway.killAgents();
    await waitFor("the end of its connection", () => echo.open() === 0);
    client.input(smuxFrame(3, 0));
    await waitFor("its arrival", () => gateway.sessions()[0]?.up.messages["input_stream_data"] === 3);
    expect(client.received.slice(before)).toEqual([]);
    expect(gateway.sessions()[0]?.state).toBe("open");
    await using next = await openStream(gateway);
    expect(next.received.length).toBeGreaterThan(0);
  });

  test("that is told that the client is away sends nothing until the client does", async () => {
    await using client = await openStream(gateway);
    gateway.publish(false);
    await client.find("the client is told, too", ({ type }) => type === "pause_publication");
    echo.sockets[0]?.write("meanwhile");
    await waitFor("it is kept", () => (gateway.sessions()[0]?.agent.unackedBytes ?? 0) > 0);
    expect(readSmux(client.data()).data.has(3)).toBe(false);
    client.input(smuxFrame(3, 0));
    await waitFor("it comes", () => readSmux(client.data()).data.get(3)?.toString() === "meanwhile");
    gateway.publish(true);
    await client.find("the client is told", ({ type }) => type === "start_publication");
  });
});

describe("the way to the port", () => {
  test("one that hangs holds up every later connection", async () => {
    await using client = await openTestSession(gateway);
    await client.handshake();
    gateway.faults = { hangingDial: true };
    client.input(smuxFrame(0, 3));
    const number = client.input(Buffer.concat([smuxFrame(0, 5), smuxFrame(2, 5, Buffer.from("hello"))]));
    await waitFor("its acknowledgement", () => client.acknowledged().includes(number));
    gateway.faults = {};
    expect([echo.sockets.length, client.data().length]).toEqual([0, 0]);
    await using next = await openStream(gateway);
    expect(next.data()).toHaveLength(0);
    expect(echo.sockets).toHaveLength(1);
  });

  test("another address is for sessions that start later", async () => {
    await using other = await startPortServer((socket) => socket.end("other"));
    await using before = await openStream(gateway);
    gateway.faults = { resolve: () => other };
    await using after = await openStream(gateway);
    await waitFor("the other's word", () => readSmux(after.data()).data.get(3)?.toString() === "other");
    before.input(smuxFrame(0, 5));
    await waitFor("the second connection", () => echo.sockets.length === 2);
    expect(other.sockets).toHaveLength(1);
  });

  test("a port that takes nothing more stalls every stream, once the shared buffer is full", async () => {
    await using port = await startPortServer((socket) => socket.once("data", () => socket.pause()));
    await using own = await startTestGateway(port);
    await using client = await openTestSession(own);
    await client.handshake();
    client.input(smuxFrame(0, 3));
    await waitFor("a connection", () => port.sockets.length === 1);
    const part = smuxFrame(2, 3, Buffer.alloc(60_000));
    const numbers = Array.from({ length: 400 }, () => client.input(part));
    const last = client.input(smuxFrame(0, 5));
    await waitFor("it waits", () => (own.sessions()[0]?.agent.waiting ?? 0) > 100);
    expect(port.sockets).toHaveLength(1);
    expect(client.acknowledged()).not.toContain(last);
    port.sockets[0]?.resume();
    await waitFor("all are taken", () => client.acknowledged().includes(last));
    await waitFor("the second connection", () => port.sockets.length === 2);
    expect(client.acknowledged()).toEqual([0, 1, ...numbers, last]);
    await waitFor("all bytes", () => port.sockets[0]?.bytesRead === 400 * 60_000);
  });

  test("a client that acknowledges nothing stops the reading from the port", async () => {
    await using port = await startPortServer((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on("drain", more);
      more();
    });
    await using own = await startTestGateway(port, { payloadBytes: 16_384 });
    await using client = await openTestSession(own, { acknowledges: false });
    const handshake = client.handshake();
    await handshake;
    client.input(smuxFrame(0, 3));
    const unacked = () => own.sessions()[0]?.agent.unackedBytes ?? 0;
    await waitFor("much of it", () => unacked() > 8 * 1024 * 1024);
    const written = () => port.sockets[0]?.bytesWritten;
    let last = -1;
    await waitFor("it has come to rest", () => {
      const isSame = written() === last;
      last = written() ?? 0;
      return isSame;
    });
    expect(unacked()).toBeLessThan(8.2 * 1024 * 1024);
    for (const message of client.received.slice()) client.acknowledge(message);
    await waitFor("it goes on", () => (written() ?? 0) > last);
  });
});

describe("sockets", () => {
  test.each(["cutEveryMs", "closeEveryMs"] as const)(
    "end again and again, and the session lives on: %s",
    async (fault) => {
      await using client = await openStream(gateway);
      gateway.faults = { [fault]: 30 };
      for (let times = 1; times <= 3; times += 1) {
        await client.closed;
        const { tokenValue = "", streamUrl } = gateway.resumeSession(client.sessionId);
        await client.reopen({ tokenValue, streamUrl });
      }
      gateway.faults = {};
      await waitFor("it is opened again", () => gateway.sessions()[0]?.reconnects === 3);
      expect(echo.open()).toBe(1);
    },
  );
});

async function openStream(of: SessionGateway): Promise<RawClient & { readonly sessionId: string }> {
  const client = await openTestSession(of);
  await client.handshake();
  const number = client.input(smuxFrame(0, 3));
  await waitFor("an acknowledgement", () => client.acknowledged().includes(number));
  await waitFor("a connection", () => of.sessions().some(({ agent }) => agent.openConnections === 1));
  return client;
}
