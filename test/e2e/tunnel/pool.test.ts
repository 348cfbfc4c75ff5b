import { describe, expect, test } from "vitest";
import { createTunnelPool, type TunnelPoolOptions } from "#lib/tunnel/pool.ts";
import { Tunnel, type TunnelOptions } from "#lib/tunnel/tunnel.ts";
import { createTestDatabase, sharedServer } from "../../support/postgres.ts";
import { lost } from "../../support/tunnel/fake-transport.ts";
import { carrierTo } from "../../support/tunnel/tcp-carrier.ts";

async function openScene(poolOptions: Partial<TunnelPoolOptions> = {}, tunnelOptions: Partial<TunnelOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const { address } = stack.use(await createTestDatabase());
  const transport = carrierTo(sharedServer());
  const tunnel = stack.use(await Tunnel.connect({ transport, ...tunnelOptions }));
  const pool = stack.use(
    createTunnelPool(tunnel, {
      // What the certificate names; the socket goes to the tunnel.
      host: "localhost",
      database: address.database,
      user: address.user,
      password: address.password ?? "",
      ca: address.ca ?? [],
      applicationName: "tunnel pool",
      ...poolOptions,
    }),
  );
  const all = stack.move();
  return {
    transport,
    tunnel,
    pool,
    ask: async () => (await pool.query<{ one: number }>("select 1 as one")).rows[0]?.one,
    cut: () => transport.links.at(-1)?.cut(),
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

describe("a pool through a tunnel", () => {
  test("has ten connections at most, verified in full", async () => {
    await using scene = await openScene();
    const tlsVersion = await scene.pool.use(async (client) => await Promise.resolve(client.tlsVersion));
    expect(tlsVersion).toBe("TLSv1.3");
    await Promise.all(Array.from({ length: 40 }, scene.ask));
    expect(scene.pool.figures().total).toBe(10);
    expect(scene.tunnel.status().connections).toBe(10);
  });

  test("refuses a server whose certificate is for another name", async () => {
    await using scene = await openScene({ host: "db.example" });
    await expect(scene.ask()).rejects.toMatchObject({ code: "cert.wrong-host" });
  });

  test("outlives links: idle connections of one that was lost are gone, and the next query works", async () => {
    await using scene = await openScene();
    await Promise.all(Array.from({ length: 5 }, scene.ask));
    for (let drop = 0; drop < 3; drop += 1) {
      scene.cut();
      await expect.poll(() => scene.pool.figures().total).toBe(0);
      expect(await scene.ask()).toBe(1);
    }
    expect(scene.tunnel.status().reconnects).toBe(3);
  });

  test("runs work once: what was under way when the link was lost fails, and is not repeated", async () => {
    await using scene = await openScene();
    await scene.ask();
    let begun = 0;
    const working = scene.pool.use(async (client) => {
      begun += 1;
      const sleeping = client.query("select pg_sleep(60)");
      scene.cut();
      return await sleeping;
    });
    await expect(working).rejects.toMatchObject({
      name: "PosternError",
      code: expect.stringMatching(/^(?:ssm\.lost|endpoint\.closed)$/u),
    });
    expect(begun).toBe(1);
    expect(await scene.ask()).toBe(1);
  });

  test("says why there is no way to the database", async () => {
    await using scene = await openScene({}, { holdMs: 100 });
    scene.transport.script.push(...Array.from({ length: 1000 }, lost));
    scene.cut();
    await expect(scene.ask()).rejects.toMatchObject({
      code: "ssm.lost",
      message: "The tunnel has no way to the database (reconnecting): The fake link was cut.",
    });
  });

  test("leaves nothing behind when it is closed", async () => {
    await using scene = await openScene();
    await Promise.all(Array.from({ length: 5 }, scene.ask));
    await scene.pool.close();
    await expect.poll(() => scene.tunnel.status().openConnections).toBe(0);
  });
});
