import { describe, expect, test } from "vitest";
import { connect } from "#lib/postgres/connect.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { directTransport } from "#lib/tunnel/direct/transport.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { Tunnel, type TunnelOptions } from "#lib/tunnel/tunnel.ts";
import { createTestDatabase, sharedServer } from "../../support/postgres.ts";
import { lost } from "../../support/tunnel/fake-transport.ts";
import { carrierTo } from "../../support/tunnel/tcp-carrier.ts";

async function openScene(options: Partial<TunnelOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const transport = carrierTo(sharedServer());
  const events: TunnelEvent[] = [];
  const tunnel = stack.use(await Tunnel.connect({ transport, onEvent: (event) => events.push(event), ...options }));
  const { host, port } = tunnel;
  // The certificate is the real server's, wherever the socket goes.
  const address: DatabaseAddress = { ...database.address, host, port, servername: database.address.host };
  const all = stack.move();
  return {
    transport,
    tunnel,
    events,
    address,
    names: () => events.map(({ event }) => event),
    connect: async () => await connect(address, { applicationName: "tunnel test", retry: false }),
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

describe("a tunnel to a real PostgreSQL", () => {
  test("carries verified TLS and queries, and counts them", async () => {
    await using scene = await openScene();
    await using connection = await scene.connect();
    expect((await connection.client.query("select 6 * 7 as answer")).rows).toEqual([{ answer: 42 }]);
    expect(connection.tlsVersion).toBe("TLSv1.3");
    expect(scene.tunnel.status()).toMatchObject({
      state: "up",
      transport: "direct",
      host: "127.0.0.1",
      port: scene.tunnel.port,
      reconnects: 0,
      connections: 1,
      openConnections: 1,
      failedConnections: 0,
      successRate: 1,
    });
    expect(scene.names()).toEqual(["listening", "up"]);
  });

  test("works with the direct transport as well", async () => {
    await using scene = await openScene({ transport: directTransport(sharedServer()) });
    await using connection = await scene.connect();
    expect((await connection.client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  test("a client whose link dies loses its connection at once; the next one is held, and works", async () => {
    await using scene = await openScene();
    const first = await scene.connect();
    const failed = first.client.query("select pg_sleep(60)").catch((error: unknown) => error);
    await expect.poll(() => scene.tunnel.status().bytesUp).toBeGreaterThan(0);
    scene.transport.script.push(lost(), lost());
    scene.transport.links.at(-1)?.cut();
    expect(await failed).toMatchObject({ code: "ECONNRESET" });
    await first.close().catch(() => {});
    await using second = await scene.connect();
    expect((await second.client.query("select 2 as two")).rows).toEqual([{ two: 2 }]);
    const again = ["reconnecting", "reconnecting", "reconnecting"];
    expect(scene.names()).toEqual(["listening", "up", "down", ...again, "up"]);
    expect(scene.tunnel.status()).toMatchObject({ reconnects: 1, brokenConnections: 1, failedConnections: 0 });
  });
});
