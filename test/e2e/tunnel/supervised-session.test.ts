import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import { localInstanceId } from "#lib/local/gateway/gateway.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import { Tunnel, type TunnelOptions } from "#lib/tunnel/tunnel.ts";
import { startTestEndpoint } from "../../support/aws-endpoint.ts";
import { createTestDatabase, sharedServer } from "../../support/postgres.ts";
import { startTestGateway } from "../../support/session-gateway.ts";

/** A tunnel through a session, whose health is asked for five times a second. */
async function openScene(
  gatewayOptions: Parameters<typeof startTestGateway>[1] = {},
  tunnelOptions: Partial<TunnelOptions> = {},
) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const gateway = stack.use(await startTestGateway(sharedServer(), gatewayOptions));
  const endpoint = stack.use(await startTestEndpoint({ sessions: gateway }));
  const { endpoint: url, region, credentials } = endpoint.config();
  const events: TunnelEvent[] = [];
  const tunnel = stack.use(
    await Tunnel.connect({
      transport: ssmTransport({
        target: localInstanceId,
        documentName: "tunnel",
        host: "db.internal",
        port: 5432,
        access: { source: "local-stage", endpoint: url, region, credentials },
      }),
      healthIntervalMs: 200,
      healthDeadlineMs: 400,
      ...tunnelOptions,
      onEvent: (event) => events.push(event),
    }),
  );
  const { host, port } = tunnel;
  const address: DatabaseAddress = { ...database.address, host, port, servername: database.address.host };
  const all = stack.move();
  return {
    gateway,
    tunnel,
    names: () => events.map(({ event }) => event),
    connect: async () => await connect(address, { applicationName: "supervised", retry: false }),
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

describe("a session under a supervisor", () => {
  test("is resumed when its socket is dropped: no client's connection is lost, no link replaced", async () => {
    await using scene = await openScene();
    await using connection = await scene.connect();
    const { client } = connection;
    for (let drop = 0; drop < 3; drop += 1) {
      const query = client.query<{ n: number }>("select pg_sleep(0.3), $1::int as n", [drop]);
      scene.gateway.dropSockets("cut");
      expect((await query).rows[0]?.n).toBe(drop);
    }
    expect(scene.tunnel.status()).toMatchObject({ reconnects: 0, brokenConnections: 0 });
  });

  test("is replaced when its agent is gone", async () => {
    await using scene = await openScene();
    const first = await scene.connect();
    scene.gateway.killAgents();
    await expect.poll(() => scene.tunnel.status().reconnects, { timeout: 10_000 }).toBe(1);
    await first.close().catch(() => {});
    await using second = await scene.connect();
    expect((await second.client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  test("whose agent is gone is noticed by the client that comes first, and serves it within its ten seconds", async () => {
    await using scene = await openScene({}, { healthIntervalMs: 3_600_000, healthDeadlineMs: 4_000 });
    scene.gateway.killAgents();
    await using connection = await scene.connect();
    expect((await connection.client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    expect(scene.tunnel.status()).toMatchObject({ reconnects: 1, failedConnections: 0 });
  });

  test("whose service is gone takes no new client, which is told within its ten seconds what is happening", async () => {
    await using scene = await openScene({}, { healthIntervalMs: 3_600_000 });
    const refuseStart = new AwsError("InternalServerError", "It is gone.", { statusCode: 500 });
    scene.gateway.faults = { refuseUpgrade: 503, refuseStart };
    scene.gateway.dropSockets("cut");
    const startMs = performance.now();
    const { host, port } = scene.tunnel;
    // It has no limit of its own.
    const client = new Client({ host, port, ssl: false, user: "ann", database: "app", password: "secret" });
    const message = expect.stringMatching(/has no way to the database \(reconnecting, attempt \d+\): .*It is gone/u);
    await expect(client.connect()).rejects.toMatchObject({ severity: "FATAL", code: "57P03", message });
    expect(performance.now() - startMs).toBeLessThan(11_000);
    expect(scene.names().slice(0, 5)).toEqual(["listening", "up", "degraded", "down", "reconnecting"]);
    await expect.poll(() => scene.tunnel.status()).toMatchObject({ state: "reconnecting", failedConnections: 1 });
  });

  test("says within two seconds that it is interrupted; when it is back, who has a connection keeps it, and who waited has one", async () => {
    await using scene = await openScene({}, { healthIntervalMs: 3_600_000 });
    await using before = await scene.connect();
    scene.gateway.faults = { refuseUpgrade: 503 };
    scene.gateway.dropSockets("cut");
    await expect.poll(() => scene.tunnel.status().state, { timeout: 2_000 }).toBe("degraded");
    const waiting = scene.connect();
    scene.gateway.faults = {};
    await using after = await waiting;
    for (const { client } of [before, after]) {
      expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    }
    expect(scene.names()).toEqual(["listening", "up", "degraded", "up"]);
    expect(scene.tunnel.status()).toMatchObject({ reconnects: 0, brokenConnections: 0, failedConnections: 0 });
  });

  test("stays while a reader that stops holds up all of its streams, and loses nothing", async () => {
    await using scene = await openScene();
    await using connection = await scene.connect();
    const { client } = connection;
    const rows = 200;
    const reading = client.query<{ size: number; text: string }>(
      "select n as size, repeat('x', 100000) || n as text from generate_series(1, $1::int) n",
      [rows],
    );
    const { stream } = (client as unknown as { connection: { stream: NodeJS.ReadStream } }).connection;
    stream.pause();
    const before = scene.tunnel.status().bytesDown;
    const held = () => scene.tunnel.status().bytesDown - before;
    await expect.poll(held, { timeout: 20_000 }).toBeGreaterThan(4 * 1024 * 1024);
    // Many checks that get no answer.
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 3_000);
    await promise;
    expect(scene.tunnel.status().reconnects).toBe(0);
    stream.resume();
    const result = await reading;
    expect(result.rows.every(({ size, text }) => text === "x".repeat(100_000) + String(size))).toBe(true);
    expect(result.rows).toHaveLength(rows);
    expect(scene.names()).not.toContain("down");
  });

  test("of an agent that takes one connection at a time is not taken from the client that has it", async () => {
    await using scene = await openScene({ agentVersion: "3.0.196.0" });
    const connection = await scene.connect();
    expect((await connection.client.query("select pg_sleep(2), 1 as one")).rows[0]).toMatchObject({ one: 1 });
    await connection.close();
    await using another = await scene.connect();
    expect((await another.client.query("select 2 as two")).rows).toEqual([{ two: 2 }]);
    expect(scene.tunnel.status()).toMatchObject({ reconnects: 0, brokenConnections: 0 });
  });
});
