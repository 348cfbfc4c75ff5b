import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { Tunnel, type TunnelOptions } from "#lib/tunnel/tunnel.ts";
import { fakePostgres } from "../../support/tunnel/fake-postgres.ts";
import { createFakeTransport, type FakeOutcome, lost } from "../../support/tunnel/fake-transport.ts";
import { connectTo, readToEnd } from "../../support/tunnel/local-port.ts";

const forbidden = () => new PosternError("aws.permission", "You may not start a session.");

function prepare(script: readonly FakeOutcome[] = [], options: Partial<TunnelOptions> = {}) {
  const transport = createFakeTransport(fakePostgres("N"));
  transport.script.push(...script);
  const events: TunnelEvent[] = [];
  const onEvent = (event: TunnelEvent) => events.push(event);
  return {
    transport,
    events,
    connect: async (signal?: AbortSignal) =>
      await Tunnel.connect({ transport, onEvent, retryDelayMs: 1, ...options }, signal),
    port: () => events.find(({ event }) => event === "listening") as TunnelEvent & { port: number },
  };
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen({ port, host: "127.0.0.1", exclusive: true });
  await once(server, "listening");
  server.close();
  await once(server, "close");
  return true;
}

test("the port is there before the first link, and a client that comes then is served", async () => {
  const { transport, connect, port, events } = prepare(Array.from({ length: 5 }, lost), { retryDelayMs: 20 });
  const opening = connect();
  await expect.poll(port).toBeDefined();
  const client = await connectTo(port());
  client.write(encodeSslRequest());
  const [answer] = (await once(client, "data")) as [Buffer];
  expect(answer.toString()).toBe("N");
  expect(transport.attempts).toBe(6);
  client.destroy();
  await using tunnel = await opening;
  expect(tunnel.port).toBe(port().port);
  expect(events.map(({ event }) => event)).toEqual([
    "listening",
    ...Array.from({ length: 5 }, () => "reconnecting"),
    "up",
  ]);
});

test("a lasting reason is told at once, to clients too, and nothing is left open", async () => {
  const { connect, port, events } = prepare([forbidden()]);
  await expect(connect()).rejects.toMatchObject({ code: "aws.permission" });
  expect(await isFree(port().port)).toBe(true);
  expect(events.map(({ event }) => event)).toEqual(["listening", "closed"]);
});

test("an abort while it connects rejects with the reason, and nothing is left open", async () => {
  // The next attempt comes within a minute; within half a second, once a client is held.
  const { connect, port, transport } = prepare([lost(), "hang"], { retryDelayMs: 60_000 });
  const stop = new AbortController();
  const opening = connect(stop.signal);
  opening.catch(() => {});
  await expect.poll(port).toBeDefined();
  const client = await connectTo(port());
  client.write(encodeSslRequest());
  const answer = readToEnd(client);
  await expect.poll(() => transport.attempts, { timeout: 3_000 }).toBe(2);
  stop.abort(new Error("no patience"));
  await expect(opening).rejects.toThrow("no patience");
  // Whoever was held is told as well.
  expect((await answer).toString("latin1")).toMatch(/57P03.*the tunnel to nowhere:5432 in memory/su);
  expect(await isFree(port().port)).toBe(true);
});

test("no retry is left: it closes by itself, says so, and its port is free", async () => {
  const { connect, port, transport, events } = prepare([], { maxRetries: 1 });
  await using tunnel = await connect();
  transport.script.push(lost(), lost(), lost());
  transport.links.at(-1)?.cut();
  expect(await tunnel.ended).toMatchObject({ code: "tunnel.max-retries" });
  expect(await isFree(port().port)).toBe(true);
  expect(events.slice(-2)).toMatchObject([
    { event: "maxRetriesExceeded", reason: { code: "ssm.lost" } },
    { event: "closed", reason: { code: "tunnel.max-retries" } },
  ]);
  expect(tunnel.status()).toMatchObject({ state: "closed", reason: { code: "tunnel.max-retries" } });
});

test("listeners hear the events of their name until they are disposed, each with its moment", async () => {
  const { connect, transport } = prepare();
  await using tunnel = await connect();
  const heard: TunnelEvent[] = [];
  const listening = tunnel.on("down", (event) => heard.push(event));
  transport.links.at(-1)?.cut();
  await expect.poll(() => tunnel.status().reconnects).toBe(1);
  expect(heard).toMatchObject([{ event: "down", reason: { code: "ssm.lost" } }]);
  expect(new Date(heard[0]?.at ?? "").getTime()).toBeGreaterThan(Date.now() - 60_000);
  listening[Symbol.dispose]();
  transport.links.at(-1)?.cut();
  await expect.poll(() => tunnel.status().reconnects).toBe(2);
  expect(heard).toHaveLength(1);
});

test("disposing it twice, and at once, is the same as once", async () => {
  const { connect, events } = prepare();
  const tunnel = await connect();
  await Promise.all([tunnel[Symbol.asyncDispose](), tunnel[Symbol.asyncDispose]()]);
  await tunnel[Symbol.asyncDispose]();
  expect(await tunnel.ended).toBeUndefined();
  expect(events.filter(({ event }) => event === "closed")).toEqual([{ event: "closed", at: expect.any(String) }]);
});
