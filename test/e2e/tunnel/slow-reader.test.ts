import { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { expect, test } from "vitest";
import type { Clock } from "#lib/base/clock.ts";
import { localInstanceId } from "#lib/local/gateway/gateway.ts";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { startTestEndpoint } from "../../support/aws-endpoint.ts";
import { sharedServer } from "../../support/postgres.ts";
import { startTestGateway } from "../../support/session-gateway.ts";
import { waitFor } from "../../support/wait-for.ts";

/** For the supervisor alone: its patience is of seconds. The session keeps real time. */
const hastyClock: Clock = {
  nowMs: () => performance.now() * 10,
  wallTime: () => new Date(Date.now()),
  sleep: async (ms, signal) => {
    await delay(ms / 10, undefined, signal === undefined ? undefined : { signal });
  },
};

/** A tunnel through real sessions to a real PostgreSQL. */
async function openScene(sessions: number) {
  const { host, port, superuser: user, password, caPem } = sharedServer();
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await startTestGateway({ host, port }));
  const endpoint = stack.use(await startTestEndpoint({ sessions: gateway }));
  const { endpoint: url, region, credentials } = endpoint.config();
  const transport = ssmTransport({
    target: localInstanceId,
    documentName: "tunnel",
    host: "db.internal",
    port: 5432,
    access: { source: "local-stage", endpoint: url, region, credentials },
    sessions,
  });
  const events: string[] = [];
  const tunnel = stack.use(
    await Tunnel.connect({
      transport,
      clock: hastyClock,
      healthIntervalMs: 1000,
      onEvent: ({ event }) => events.push(event),
    }),
  );
  const ssl = { ca: caPem, host };
  const all = stack.move();
  return {
    events,
    connect: async (socket = new Socket()) => {
      const to = { host: tunnel.host, port: tunnel.port, user, password, database: "postgres", ssl };
      const client = new Client({ ...to, stream: () => socket });
      client.on("error", () => {});
      await client.connect();
      return Object.assign(client, { [Symbol.asyncDispose]: async () => await client.end() });
    },
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

/** A client that has begun to read 60 MB, and stops. */
async function stopReading(scene: Awaited<ReturnType<typeof openScene>>) {
  const socket = new Socket();
  const client = await scene.connect(socket);
  const answer = client.query("select repeat('x', 1000000) as line from generate_series(1, 60)").catch(String);
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
  await waitFor("the rows come", () => socket.bytesRead > 1_000_000);
  stream.pause();
  return {
    goOn: async () => {
      stream.resume();
      return await answer;
    },
    [Symbol.asyncDispose]: async () => await client.end(),
  };
}

/**
 * smux 1 has no window for a single stream: what one client does not read holds up all that share its session. That is
 * no reason to take the session for dead, which would end the statement of the client that is merely slow.
 */
test("a client that stops reading keeps its connection, though PostgreSQL's answer is held up behind it", async () => {
  await using scene = await openScene(1);
  await using reader = await stopReading(scene);
  // Longer than PostgreSQL's answer is waited for, twice.
  await hastyClock.sleep(15_000);
  expect(await reader.goOn()).toMatchObject({ rowCount: 60 });
  expect(scene.events).not.toContain("down");
});

test("of several sessions those are taken that nobody holds up", async () => {
  await using scene = await openScene(2);
  await using reader = await stopReading(scene);
  // Of any two, one would go to the session that has fewer streams now, and one to the other.
  await using first = await scene.connect();
  await using second = await scene.connect();
  await using third = await scene.connect();
  const answers = [first, second, third].map(async (client) => (await client.query("select 1 as one")).rows);
  expect(await Promise.all(answers)).toEqual([[{ one: 1 }], [{ one: 1 }], [{ one: 1 }]]);
  expect(await reader.goOn()).toMatchObject({ rowCount: 60 });
  expect(scene.events).not.toContain("down");
});
