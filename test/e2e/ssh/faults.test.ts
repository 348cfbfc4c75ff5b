import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Log } from "#lib/base/log.ts";
import { sshTransport, type SshTransportOptions } from "#lib/tunnel/ssh/transport.ts";
import { type FarEnd, startFarEnd, taskHeader } from "../../conformance/far-end.ts";
import { isInstalled } from "../../support/debian.ts";
import { makeTestFolder } from "../../support/postgres.ts";
import { runKeygen } from "../../support/ssh/key-forms.ts";
import { type Script, type ScriptedServer, startScriptedServer } from "../../support/ssh/scripted-server.ts";

const { signal } = new AbortController();

describe.skipIf(!isInstalled("ssh-keygen"))("an SSH server that does what it should not", () => {
  let folder: string;
  let key: { readonly text: string; readonly publicLine: string };
  let farEnd: FarEnd;

  beforeAll(async () => {
    folder = await makeTestFolder();
    key = runKeygen({ type: "ed25519" });
    farEnd = await startFarEnd();
  });
  afterAll(async () => {
    await farEnd[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function start(script: Script = {}, hostKey?: ReturnType<typeof runKeygen>): Promise<ScriptedServer> {
    const server = await startScriptedServer(script, farEnd, hostKey);
    onTestFinished(async () => await server[Symbol.asyncDispose]());
    return server;
  }

  async function knownHosts(...lines: readonly string[]): Promise<string> {
    const file = join(folder, `known_hosts-${Math.random().toString(36).slice(2)}`);
    await writeFile(file, lines.map((line) => `${line}\n`).join(""));
    return file;
  }

  async function transportTo(
    server: { readonly host: string; readonly port: number; readonly knownHostsLine?: string },
    options: Partial<SshTransportOptions> = {},
  ) {
    return sshTransport({
      server: server.host,
      serverPort: server.port,
      user: "ops",
      host: "db.internal",
      port: 5432,
      key: { text: key.text, from: "the test's key" },
      knownHostsFile: await knownHosts(server.knownHostsLine ?? ""),
      configFile: false,
      ...options,
    });
  }

  async function open(server: ScriptedServer, options: Partial<SshTransportOptions> = {}) {
    const transport = await transportTo(server, options);
    const link = await transport.connect(signal);
    onTestFinished(async () => await link[Symbol.asyncDispose]());
    return link;
  }

  test("a key that is not the known one is refused with the file and the line", async () => {
    const server = await start();
    const other = runKeygen({ type: "ed25519" });
    const file = await knownHosts("# mine", `[127.0.0.1]:${server.port} ${other.publicLine}`);
    const transport = await transportTo(server, { knownHostsFile: file, acceptNew: true });
    await expect(transport.connect(signal)).rejects.toMatchObject({
      code: "ssh.host-key-changed",
      message: expect.stringContaining(`${file}:2`),
    });
    await expect.poll(() => server.open).toBe(0);
  });

  test("an unknown key is refused with its fingerprint and the line to add, which then lets us in", async () => {
    const server = await start();
    const file = await knownHosts();
    const transport = await transportTo(server, { knownHostsFile: file });
    const refused: unknown = await transport.connect(signal).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "ssh.host-key-unknown",
      message: expect.stringMatching(/SHA256:[\w+/]{43}/u),
    });
    const line = /to (\S+): (.*)$/u.exec((refused as { hint: string }).hint);
    expect(line?.[1]).toBe(file);
    await writeFile(file, `${line?.[2]}\n`);
    await using link = await transport.connect(signal);
    expect(link.vitals().state).toBe("live");
  });

  test("an unknown key is taken and kept where that was asked for, and another is refused from then on", async () => {
    const server = await start();
    const file = await knownHosts();
    await writeFile(file, "somewhere ssh-ed25519 without-newline");
    const transport = await transportTo(server, { knownHostsFile: file, acceptNew: true });
    await (await transport.connect(signal))[Symbol.asyncDispose]();
    await (await transport.connect(signal))[Symbol.asyncDispose]();
    expect(await readFile(file, "utf8")).toBe(
      `somewhere ssh-ed25519 without-newline\n${server.knownHostsLine.split(" ").slice(0, 3).join(" ")}\n`,
    );
  });

  test("an unknown key is not kept where the login fails", async () => {
    const server = await start({ onAuthentication: (context) => context.reject(["publickey"]) });
    const file = await knownHosts();
    const transport = await transportTo(server, { knownHostsFile: file, acceptNew: true });
    await expect(transport.connect(signal)).rejects.toMatchObject({ code: "ssh.auth" });
    expect(await readFile(file, "utf8")).toBe("");
  });

  test("a key that the server does not take is named, and not shown", async () => {
    const server = await start({ onAuthentication: (context) => context.reject(["publickey", "password"]) });
    const transport = await transportTo(server);
    const refused: unknown = await transport.connect(signal).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "ssh.auth",
      message: expect.stringMatching(
        /ops@127.* took none of the keys .*the test's key \(ssh-ed25519 SHA256:.* publickey, password/u,
      ),
    });
    const secret = key.text.split("\n")[2] ?? "";
    expect(secret.length).toBeGreaterThan(40);
    expect(`${JSON.stringify(refused)}${String((refused as Error).stack)}`).not.toContain(secret);
    await expect.poll(() => server.open).toBe(0);
  });

  test("a server that takes passwords alone says so", async () => {
    const server = await start({ onAuthentication: (context) => context.reject(["password"]) });
    await expect((await transportTo(server)).connect(signal)).rejects.toMatchObject({
      code: "ssh.auth",
      message: expect.stringContaining("It takes: password"),
    });
  });

  test("a server that wants a second factor says so", async () => {
    const server = await start({ onAuthentication: (context) => context.reject(["keyboard-interactive"], true) });
    await expect((await transportTo(server)).connect(signal)).rejects.toMatchObject({
      code: "ssh.auth",
      message: expect.stringContaining("asks for more"),
    });
  });

  test("the words of a server that ends the connection are told without what a terminal would obey", async () => {
    const server = await start();
    const link = await open(server);
    server.disconnect("maintenance \u{1B}[2J\nuntil noon");
    expect(await link.ended).toMatchObject({
      code: "ssh.failed",
      message: expect.stringContaining("maintenance [2J until noon"),
    });
    await expect(link.openStream(signal)).rejects.toMatchObject({ code: "ssh.failed" });
  });

  test("a stream that the server does not open fails, and the link stays", async () => {
    const server = await start({ onForward: (_, reject) => reject() });
    const link = await open(server);
    await expect(link.openStream(signal)).rejects.toMatchObject({
      code: "ssh.refused",
      message: expect.stringContaining("db.internal:5432"),
    });
    expect(link.vitals()).toMatchObject({ state: "live", openStreams: 0 });
  });

  test("a stream that the server never answers ends with the abort, and one that comes late is closed", async () => {
    let answer: (() => void) | undefined;
    const closed = Promise.withResolvers<void>();
    const server = await start({
      onForward: (accept) => {
        answer = () => {
          const channel = accept();
          channel.once("close", () => closed.resolve());
          channel.resume();
        };
      },
    });
    const link = await open(server);
    const stop = new AbortController();
    const opening = link.openStream(stop.signal);
    await expect.poll(() => answer).toBeDefined();
    stop.abort(new Error("enough"));
    await expect(opening).rejects.toThrow("enough");
    answer?.();
    await closed.promise;
    await expect.poll(() => link.vitals().openStreams).toBe(0);
    expect(link.vitals().state).toBe("live");
  });

  test("a stream that waits for an answer when the connection is lost ends with the reason", async () => {
    const server = await start({ onForward: () => server.drop() });
    const link = await open(server);
    const opening: unknown = await link.openStream(signal).catch((error: unknown) => error);
    expect(opening).toMatchObject({ code: "ssh.lost" });
    expect(opening).toBe(await link.ended);
  });

  test("a connection that drops in the middle of streams ends them all with one reason", async () => {
    const server = await start();
    const link = await open(server);
    const streams = await Promise.all([link.openStream(signal), link.openStream(signal)]);
    const failed = streams.map(async (stream) => {
      const [error] = await once(stream, "error");
      return error as unknown;
    });
    for (const stream of streams) stream.write(taskHeader("send", 64 * 1024 * 1024));
    server.drop();
    const reason = await link.ended;
    expect(reason).toMatchObject({ code: "ssh.lost", message: expect.stringContaining("broke off") });
    expect(await Promise.all(failed)).toEqual([reason, reason]);
    expect(link.vitals()).toMatchObject({ state: "ended", openStreams: 0 });
  });

  test("a write that waits for the server's window when the far end closes ends, and is not an error", async () => {
    const server = await start({
      onForward: (accept) => {
        const channel = accept();
        // Takes nothing, so that the window fills; then closes.
        channel.pause();
        setImmediate(() => setImmediate(() => channel.close()));
      },
    });
    const link = await open(server);
    const stream = await link.openStream(signal);
    stream.resume();
    const errors: unknown[] = [];
    stream.on("error", (error) => errors.push(error));
    const written = Promise.withResolvers<Error | null | undefined>();
    stream.write(Buffer.alloc(8 * 1024 * 1024), written.resolve);
    await once(stream, "close");
    expect(await written.promise).toBeFalsy();
    expect(errors).toEqual([]);
    expect(link.vitals()).toMatchObject({ state: "live", openStreams: 0 });
  });

  test("a server that answers no more is lost after its keepalives are missed, not before", async () => {
    const server = await start();
    const link = await open(server, { keepAliveIntervalMs: 100, keepAliveMisses: 9 });
    // Nothing but answers to keepalives comes: the silence begins anew with each.
    let [before, answers] = [0, 0];
    const countAnswers = () => {
      const { silentMs } = link.vitals();
      if (silentMs < before) answers += 1;
      before = silentMs;
      return answers;
    };
    await expect.poll(countAnswers, { interval: 5, timeout: 10_000 }).toBeGreaterThan(5);
    expect(link.vitals().state).toBe("live");
    server.stall();
    expect(await link.ended).toMatchObject({
      code: "ssh.lost",
      message: expect.stringMatching(/has not answered for [12]\.\d s/u),
    });
  });

  describe("what is no SSH server", () => {
    test.each([
      ["closes at once", (socket: Socket) => socket.end(), "endpoint.closed"],
      ["resets at once", (socket: Socket) => socket.resetAndDestroy(), "endpoint.closed"],
      ["speaks HTTP", (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), "endpoint.closed"],
      ["speaks SSH 1", (socket: Socket) => socket.write("SSH-1.5-old\r\n"), "ssh.failed"],
      ["speaks nonsense", (socket: Socket) => socket.write(`SSH-2.0-x\r\n${"\u{FF}".repeat(100)}`), "ssh.failed"],
    ])("%s", async (_, onConnection, code) => {
      const transport = await transportTo(await listen(onConnection));
      await expect(transport.connect(signal)).rejects.toMatchObject({ code });
    });

    test("says nothing: that is the time limit's", async () => {
      const transport = await transportTo(await listen(() => {}), { connectTimeoutMs: 100 });
      await expect(transport.connect(signal)).rejects.toMatchObject({
        code: "tcp.timeout",
        message: expect.stringContaining("within 0.1 s"),
      });
    });

    test("is not there", async () => {
      const gone = createServer();
      gone.listen(0, "127.0.0.1");
      await once(gone, "listening");
      const { port } = gone.address() as AddressInfo;
      gone.close();
      await once(gone, "close");
      const transport = await transportTo({ host: "127.0.0.1", port });
      await expect(transport.connect(signal)).rejects.toMatchObject({ code: "tcp.refused" });
    });

    test("has no address", async () => {
      const transport = await transportTo({ host: "no-such-host.invalid", port: 22 });
      await expect(transport.connect(signal)).rejects.toMatchObject({ code: "dns.not-found" });
    });
  });

  test("neither the log nor any message has the key or the passphrase", async () => {
    const lines: string[] = [];
    const log: Log = {
      info: (message, fields) => lines.push(JSON.stringify([message, fields])),
      warn: (message, fields) => lines.push(JSON.stringify([message, fields])),
    };
    const locked = runKeygen({ type: "ed25519", passphrase: "correct horse" });
    const server = await start();
    const file = await knownHosts();
    const options = { log, knownHostsFile: file, acceptNew: true, key: { text: locked.text, from: "SSH_PRIVATE_KEY" } };
    await using link = await open(server, { ...options, passphrase: "correct horse" });
    expect(link.vitals().state).toBe("live");
    const wrong: unknown = await (
      await transportTo(server, { ...options, passphrase: "wrong horse" })
    )
      .connect(signal)
      .catch((error: unknown) => error);
    expect(wrong).toMatchObject({ code: "ssh.passphrase" });
    const told = `${lines.join("\n")}${JSON.stringify(wrong)}${String((wrong as Error).cause)}`;
    expect(lines).toHaveLength(1);
    for (const secret of ["correct horse", "wrong horse", locked.text.split("\n")[1] ?? ""]) {
      expect(told).not.toContain(secret);
    }
  });
});

async function listen(onConnection: (socket: Socket) => void): Promise<{ host: string; port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}
