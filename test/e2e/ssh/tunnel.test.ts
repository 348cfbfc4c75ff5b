import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { isInstalled } from "../../support/debian.ts";
import { openSshScene, type SshScene } from "../../support/ssh/scene.ts";

const { signal } = new AbortController();

describe.skipIf(!isInstalled("sshd"))("a tunnel through a real sshd", () => {
  let scene: SshScene;

  beforeAll(async () => {
    scene = await openSshScene();
  });
  afterAll(async () => await scene[Symbol.asyncDispose]());

  test("keeps its port when its connection is killed, and the next query is answered", async () => {
    const sshd = await scene.start();
    const events: TunnelEvent[] = [];
    const transport = scene.through(sshd);
    await using tunnel = await Tunnel.connect({ transport, onEvent: (event) => events.push(event) }, signal);
    const { port } = tunnel;
    for (const cuts of [1, 2, 3]) {
      const before = await scene.connectTo(tunnel);
      const broken = new Promise((resolve) => before.once("end", resolve));
      sshd.cut();
      await broken;
      expect((await scene.query(tunnel, "select 1 as one")).rows).toEqual([{ one: 1 }]);
      expect(tunnel.status()).toMatchObject({ transport: "ssh", port, reconnects: cuts });
    }
    expect(events.filter(({ event }) => event === "reconnecting").length).toBeGreaterThanOrEqual(3);
    expect(JSON.stringify(events)).not.toContain(scene.key.text.split("\n")[2]);
  });

  test("is told at once what does not pass by waiting", async () => {
    const sshd = await scene.start({ authorized: [] });
    await expect(Tunnel.connect({ transport: scene.through(sshd) }, signal)).rejects.toMatchObject({
      code: "ssh.auth",
    });
  });

  test("is told at once that the server does not forward", async () => {
    const sshd = await scene.start({ settings: ["AllowTcpForwarding no"] });
    await expect(Tunnel.connect({ transport: scene.through(sshd) }, signal)).rejects.toMatchObject({
      code: "ssh.forbidden",
    });
    await expect.poll(() => sshd.open).toBe(0);
  });
});
