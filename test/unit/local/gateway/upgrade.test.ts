import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { localInstanceId, type SessionGateway } from "#lib/local/gateway/gateway.ts";
import { openRawClient } from "../../../support/raw-session-client.ts";
import { signUpgrade } from "../../../support/sign-upgrade.ts";
import { startTestGateway } from "../../../support/session-gateway.ts";

const credentials = { accessKeyId: "LOCALKEY", secretAccessKey: "a secret" };
const sign = (url: string, changes: Partial<Parameters<typeof signUpgrade>[1]> = {}) =>
  signUpgrade(url, { ...credentials, region: "local", ...changes });
const nowhere = { host: "127.0.0.1", port: 9 };

let gateway: SessionGateway;
beforeAll(async () => {
  gateway = await startTestGateway(nowhere, { credentials });
});
afterAll(() => gateway[Symbol.asyncDispose]());

describe("the upgrade to a data channel", () => {
  test("that is signed for ssmmessages with the stage's key becomes one", async () => {
    const access = start();
    await using client = await openRawClient(access, { headers: sign(access.streamUrl) });
    await client.find("the handshake", ({ payloadType }) => payloadType === 5);
    expect(gateway.sessions().at(-1)).toMatchObject({ state: "open", reconnects: 0 });
  });

  test.each<[string, (url: string) => Record<string, string>, number]>([
    ["no signature", () => ({}), 403],
    ["one of another key", (url) => sign(url, { secretAccessKey: "another" }), 403],
    ["one for another service", (url) => sign(url, { service: "ssm" }), 403],
    ["one of yesterday", (url) => sign(url, { time: new Date(Date.now() - 86_400_000) }), 403],
    ["one for another session", (url) => sign(url.replace("local-", "local-0")), 403],
    ["a web page's origin", (url) => ({ ...sign(url), origin: "http://127.0.0.1" }), 403],
    ["a Host header that does not name loopback", (url) => ({ ...sign(url), host: "attacker.example" }), 421],
  ])("%s: refused", async (_case, headersFor, status) => {
    const { streamUrl } = start();
    expect(await upgrade(streamUrl, headersFor(streamUrl))).toBe(status);
  });

  test.each<[string, (url: string) => string, number]>([
    ["another path", (url) => url.replace("/v1/", "/v2/"), 404],
    ["another role", (url) => url.replace("publish_subscribe", "other"), 400],
    ["a session that never was", (url) => url.replace("local-", "local-0"), 404],
  ])("%s: not found", async (_case, change, status) => {
    const url = change(start().streamUrl);
    expect(await upgrade(url, sign(url))).toBe(status);
  });

  test("to a session that is over: not found", async () => {
    const { sessionId, streamUrl } = start();
    gateway.terminateSession(sessionId);
    expect(await upgrade(streamUrl, sign(streamUrl))).toBe(404);
  });

  test("can be made to fail", async () => {
    const { streamUrl } = start();
    gateway.faults = { refuseUpgrade: 503 };
    expect(await upgrade(streamUrl, sign(streamUrl))).toBe(503);
    gateway.faults = {};
  });

  test("a request that asks for no upgrade is told so", async () => {
    expect((await fetch(gateway.url.replace("ws:", "http:"))).status).toBe(426);
  });
});

describe("the first frame", () => {
  test.each([
    ["binary", Buffer.from("{}")],
    ["no JSON", "hello"],
    ["not whole", JSON.stringify({ MessageSchemaVersion: "1.0", TokenValue: "x" })],
  ])("%s opens nothing", async (_case, frame) => {
    const access = start();
    const { WebSocket } = await import("ws");
    const socket = new WebSocket(access.streamUrl, { headers: sign(access.streamUrl) });
    const closed = Promise.withResolvers<number>();
    socket.once("open", () => socket.send(frame));
    socket.once("close", (code) => closed.resolve(code));
    expect(await closed.promise).toBe(1008);
  });
});

function start() {
  return gateway.startSession({ target: localInstanceId, documentName: "tunnel" });
}

/** The status of an upgrade that is refused, or 101. */
async function upgrade(url: string, headers: Record<string, string>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  request(url.replace("ws:", "http:"), {
    agent: false,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": Buffer.alloc(16).toString("base64"),
      ...headers,
    },
  })
    .on("response", (response) => resolve(response.resume().statusCode ?? 0))
    .on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    })
    .on("error", reject)
    .end();
  return promise;
}
