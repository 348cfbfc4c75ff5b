import { Socket } from "node:net";
import { Client } from "pg";
import { expect, test } from "vitest";
import { localInstanceId } from "#lib/local/gateway/gateway.ts";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import type { Link, Transport } from "#lib/tunnel/transport.ts";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { startTestEndpoint } from "../../support/aws-endpoint.ts";
import { sharedServer } from "../../support/postgres.ts";
import { startTestGateway } from "../../support/session-gateway.ts";
import { waitFor } from "../../support/wait-for.ts";

/** A tunnel through real sessions to a real PostgreSQL. */
async function openScene({
  sessions,
  healthIntervalMs,
}: {
  readonly sessions: number;
  readonly healthIntervalMs?: number;
}) {
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
  let opened = 0;
  let newest: Link | undefined;
  const counted: Transport = {
    ...transport,
    connect: async (signal) => {
      const link = await transport.connect(signal);
      newest = link;
      return {
        ended: link.ended,
        vitals: () => link.vitals(),
        openStream: async (stop) => {
          opened += 1;
          return await link.openStream(stop);
        },
        [Symbol.asyncDispose]: async () => await link[Symbol.asyncDispose](),
      };
    },
  };
  const onEvent = ({ event }: TunnelEvent) => events.push(event);
  const tunnel = stack.use(await Tunnel.connect({ transport: counted, healthIntervalMs, onEvent }));
  const ssl = { ca: caPem, host };
  const all = stack.move();
  return {
    events,
    /** Streams that were opened, for clients and to ask for a sign of life. */
    opened: () => opened,
    /** A session cannot take what comes for it. */
    isBusy: () => newest?.vitals().isBusy === true,
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

/** A client that has begun to read 60 MB, and stops; what comes for it has filled its session. */
async function stopReading(scene: Awaited<ReturnType<typeof openScene>>) {
  const socket = new Socket();
  const client = await scene.connect(socket);
  const answer = client.query("select repeat('x', 1000000) as line from generate_series(1, 60)").catch(String);
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
  await waitFor("the rows come", () => socket.bytesRead > 1_000_000, 30_000);
  stream.pause();
  await waitFor("its session is full", () => scene.isBusy(), 30_000);
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
  await using scene = await openScene({ sessions: 1, healthIntervalMs: 200 });
  await using reader = await stopReading(scene);
  // Each waits for five seconds; the second in a row that is in vain ends a session.
  const before = scene.opened();
  await waitFor("PostgreSQL was asked twice in vain", () => scene.opened() >= before + 3, 40_000);
  expect(await reader.goOn()).toMatchObject({ rowCount: 60 });
  expect(scene.events).not.toContain("down");
});

test("of several sessions those are taken that nobody holds up", async () => {
  await using scene = await openScene({ sessions: 2 });
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
