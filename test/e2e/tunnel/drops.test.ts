import { connect as connectTcp } from "node:net";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { isRetryable } from "#lib/postgres/errors.ts";
import { startPostgresServer } from "#lib/local/postgres/server.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { Tunnel, type TunnelOptions } from "#lib/tunnel/tunnel.ts";
import { createTestDatabase, sharedServer, startTestServer } from "../../support/postgres.ts";
import { lost } from "../../support/tunnel/fake-transport.ts";
import { carrierTo } from "../../support/tunnel/tcp-carrier.ts";

async function openScene(options: Partial<TunnelOptions> = {}, server = sharedServer()) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase(server));
  const transport = carrierTo(server);
  const events: TunnelEvent[] = [];
  const tunnel = stack.use(await Tunnel.connect({ transport, onEvent: (event) => events.push(event), ...options }));
  const { host, port } = tunnel;
  const address: DatabaseAddress = { ...database.address, host, port, servername: database.address.host };
  const all = stack.move();
  return {
    transport,
    tunnel,
    events,
    link: () => transport.links.at(-1),
    names: () => events.map(({ event }) => event),
    connect: async () => await connect(address, { applicationName: "drops", retry: false }),
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

type Scene = Awaited<ReturnType<typeof openScene>>;

async function ask(scene: Scene): Promise<unknown> {
  await using connection = await scene.connect();
  return (await connection.client.query("select 1 as one")).rows[0];
}

describe("a link that drops", () => {
  test("ten times while eight clients work costs each of them connections only, and the next query works", async () => {
    await using scene = await openScene();
    const over = new AbortController();
    const failures: unknown[] = [];
    let answers = 0;
    const work = async (): Promise<void> => {
      while (!over.signal.aborted) {
        try {
          await using connection = await scene.connect();
          for (let query = 0; query < 20 && !over.signal.aborted; query += 1) {
            const { rows } = await connection.client.query<{ n: number }>("select $1::int as n", [query]);
            expect(rows).toEqual([{ n: query }]);
            answers += 1;
          }
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const workers = Array.from({ length: 8 }, work);
    const recovered: number[] = [];
    for (let drop = 0; drop < 10; drop += 1) {
      await delay(30);
      if (drop % 3 === 0) scene.transport.script.push(lost());
      scene.link()?.cut();
      const startMs = performance.now();
      expect(await ask(scene)).toEqual({ one: 1 });
      recovered.push(performance.now() - startMs);
    }
    over.abort();
    await Promise.all(workers);
    expect(scene.tunnel.status()).toMatchObject({ state: "up", reconnects: 10, failedConnections: 0 });
    expect(answers).toBeGreaterThan(100);
    // Nothing but lost connections, which a pool or a retry mends.
    expect(failures.filter((error) => !isRetryable(error))).toEqual([]);
    expect(Math.max(...recovered)).toBeLessThan(1_500);
  });

  test("into a black hole is degraded, and replaced; a client that waits in it is served by the next", async () => {
    await using scene = await openScene({ healthIntervalMs: 200, healthDeadlineMs: 200 });
    Object.assign(scene.link() ?? {}, { isBlackHole: true });
    expect(await ask(scene)).toEqual({ one: 1 });
    expect(scene.names()).toEqual(["listening", "up", "degraded", "down", "reconnecting", "up"]);
    expect(scene.events.find(({ event }) => event === "degraded")).toMatchObject({
      reason: { code: "endpoint.silent" },
    });
  });
});

describe("a database that restarts", () => {
  test("is waited for: the client that came meanwhile is served", async () => {
    await using server = await startTestServer();
    await using restarted = new AsyncDisposableStack();
    await using scene = await openScene({ healthIntervalMs: 200 }, server);
    expect(await ask(scene)).toEqual({ one: 1 });
    await server.stop();
    await expect.poll(() => scene.tunnel.status().state).not.toBe("up");
    const waiting = ask(scene);
    const { dataDir, port } = server;
    restarted.use(await startPostgresServer({ dataDir, port, durable: false }));
    expect(await waiting).toEqual({ one: 1 });
    expect(scene.events.find(({ event }) => event === "degraded")).toMatchObject({ reason: { code: "tcp.refused" } });
  });
});

describe("a request to cancel", () => {
  test("passes, and ends the query", async () => {
    await using scene = await openScene();
    await using connection = await scene.connect();
    const { client } = connection;
    const query = client.query("select pg_sleep(60)").catch((error: unknown) => error);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number | Buffer };
    const key = typeof secretKey === "number" ? int32(secretKey) : secretKey;
    const request = Buffer.concat([int32(12 + key.length - 4 + 4), int32(80_877_102), int32(processID), key]);
    await expect
      .poll(async () => {
        // The client may leave at once: PostgreSQL cancels all the same.
        const socket = connectTcp(scene.tunnel.port, scene.tunnel.host);
        await once(socket, "connect");
        socket.end(request);
        return await Promise.race([query, delay(200)]);
      })
      .toMatchObject({ code: "57014" });
  });
});

test("nothing is left of a tunnel that was disposed under load: no socket and no timer", async () => {
  const before = openThings();
  const scene = await openScene();
  const connections = await Promise.all(Array.from({ length: 20 }, async () => scene.connect()));
  const queries = connections.map(async ({ client }) =>
    client.query("select pg_sleep(60)").catch((error: unknown) => error),
  );
  const held = connectTcp(scene.tunnel.port, scene.tunnel.host);
  held.on("error", () => {});
  await once(held, "connect");
  await scene[Symbol.asyncDispose]();
  const outcomes = await Promise.all(queries);
  expect(outcomes.every((outcome) => outcome instanceof Error && isRetryable(outcome))).toBe(true);
  await Promise.all(connections.map(async (connection) => connection.close().catch(() => {})));
  held.destroy();
  await expect.poll(openThings).toEqual(before);
});

/** Sockets, and timers that keep a process alive: those of the test runner come and go, so that these are few. */
function openThings(): { readonly sockets: number; readonly hasManyTimers: boolean } {
  const names = process.getActiveResourcesInfo();
  return {
    sockets: names.filter((name) => name.startsWith("TCP")).length,
    hasManyTimers: names.filter((name) => name === "Timeout").length > 4,
  };
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
