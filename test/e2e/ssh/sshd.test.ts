import { createHash } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isInstalled } from "../../support/debian.ts";
import { startBridge } from "../../support/ssh/bridge.ts";
import { openSshScene, type SshScene } from "../../support/ssh/scene.ts";

const { signal } = new AbortController();

describe.skipIf(!isInstalled("sshd"))("a real sshd in front of a real PostgreSQL", () => {
  let scene: SshScene;

  beforeAll(async () => {
    scene = await openSshScene();
  });
  afterAll(async () => await scene[Symbol.asyncDispose]());

  test("a query goes through, with the server's certificate verified", async () => {
    expect(await scene.ask(scene.through(await scene.start()))).toEqual({ ok: true, ssl: true });
  });

  test("a hundred megabytes keep their SHA-256 each way, while other queries are answered", async () => {
    await using link = await scene.through(await scene.start()).connect(signal);
    await using bridge = await startBridge(link);
    const client = await scene.connectTo(bridge);
    const bytes = 25 * 1024 * 1024;
    const payload = Buffer.alloc(bytes, "0123456789abcdef\u{FF}", "latin1");
    const sum = createHash("sha256").update(payload).digest("hex");
    await client.query("create temporary table blobs (n integer, b bytea)");
    for (const n of [1, 2, 3, 4]) {
      const [, answer] = await Promise.all([
        client.query("insert into blobs values ($1, $2)", [n, payload]),
        scene.query(bridge, "select 1 as one"),
      ]);
      expect(answer.rows).toEqual([{ one: 1 }]);
    }
    const { rows } = await client.query<{ sum: string; b: Buffer }>(
      "select encode(sha256(b), 'hex') as sum, b from blobs order by n",
    );
    expect(rows.map((row) => row.sum)).toEqual([sum, sum, sum, sum]);
    for (const row of rows) expect(createHash("sha256").update(row.b).digest("hex")).toBe(sum);
    await client.end();
    expect(link.vitals().bytesDown).toBeGreaterThan(100 * 1024 * 1024);
  });

  test("keys that are exchanged anew in the middle change nothing", async () => {
    const sshd = await scene.start({ settings: ["RekeyLimit 1M", "LogLevel DEBUG"] });
    await using link = await scene.through(sshd).connect(signal);
    await using bridge = await startBridge(link);
    const client = await scene.connectTo(bridge);
    const payload = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef\u{FF}", "latin1");
    const { rows } = await client.query<{ b: Buffer }>("select $1::bytea as b", [payload]);
    expect(rows[0]?.b.equals(payload)).toBe(true);
    await client.end();
    expect(link.vitals().state).toBe("live");
    expect(sshd.log().match(/NEWKEYS sent/gu)?.length).toBeGreaterThan(3);
  });

  test("a CancelRequest goes through", async () => {
    await using link = await scene.through(await scene.start()).connect(signal);
    await using bridge = await startBridge(link);
    const client = await scene.connectTo(bridge);
    const sleeping = client.query("select pg_sleep(60)");
    sleeping.catch(() => {});
    const isRunning = "select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(60)'";
    await expect.poll(async () => (await scene.query(bridge, isRunning)).rows).toEqual([{ n: 1 }]);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const request = Buffer.alloc(16);
    request.writeInt32BE(16);
    request.writeInt32BE(80_877_102, 4);
    request.writeInt32BE(processID, 8);
    request.writeInt32BE(secretKey, 12);
    const stream = await link.openStream(signal);
    stream.resume();
    stream.end(request);
    await once(stream, "close");
    await expect(sleeping).rejects.toMatchObject({ code: "57014" });
    await client.end();
  });

  describe("what the server does not forward", () => {
    test.each([
      ["AllowTcpForwarding no", "ssh.forbidden"],
      ["PermitOpen elsewhere:5432", "ssh.forbidden"],
    ])("%s", async (setting, code) => {
      await using link = await scene.through(await scene.start({ settings: [setting] })).connect(signal);
      await expect(link.openStream(signal)).rejects.toMatchObject({ code });
      expect(link.vitals()).toMatchObject({ state: "live", openStreams: 0 });
    });

    test("a host name that the server cannot resolve", async () => {
      await using link = await scene.through(await scene.start(), { host: "no-such-host.invalid" }).connect(signal);
      await expect(link.openStream(signal)).rejects.toMatchObject({
        code: "ssh.host-unresolved",
        message: expect.stringContaining("no-such-host.invalid"),
      });
    });

    test("a port where nobody listens", async () => {
      await using link = await scene.through(await scene.start(), { port: 1 }).connect(signal);
      await expect(link.openStream(signal)).rejects.toMatchObject({
        code: "ssh.refused",
        message: expect.stringContaining("Connection refused"),
      });
    });
  });

  test("an sshd that is stopped in its tracks is lost by its silence", async () => {
    const sshd = await scene.start();
    await using link = await scene.through(sshd, { keepAliveIntervalMs: 50, keepAliveMisses: 2 }).connect(signal);
    const stream = await link.openStream(signal);
    stream.on("error", () => {});
    sshd.freeze();
    const reason = await link.ended;
    expect(reason).toMatchObject({ code: "ssh.lost", message: expect.stringContaining("has not answered") });
    expect(stream.errored).toBe(reason);
  });
});
