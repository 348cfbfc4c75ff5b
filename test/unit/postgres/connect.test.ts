import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { describe, expect, test, vi } from "vitest";
import type { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect, type ConnectOptions } from "#lib/postgres/connect.ts";

/** A listener on loopback that counts what is still connected. */
class Listener implements AsyncDisposable {
  readonly server: Server;
  constructor(server: Server) {
    this.server = server;
  }
  get address(): DatabaseAddress {
    const { port } = this.server.address() as AddressInfo;
    return { host: "127.0.0.1", port, database: "app", user: "ann", password: "secret", sslMode: "verify-full" };
  }
  async whenIdle(): Promise<void> {
    await vi.waitFor(async () => {
      const left = await this.connections();
      if (left > 0) throw new Error(`${left} connections are still open.`);
    });
  }
  async connections(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.server.getConnections((_, count) => resolve(count));
    return await promise;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.whenIdle();
    this.server.close();
    await once(this.server, "close");
  }
}

async function listen(onConnection: (socket: Socket) => void): Promise<Listener> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    // An unread socket never notices that the other side has gone.
    socket.resume();
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return new Listener(server);
}

async function failure(address: DatabaseAddress, options: Partial<ConnectOptions> = {}): Promise<PosternError> {
  return await connect(address, { applicationName: "test", retry: false, connectTimeoutMs: 300, ...options }).then(
    async (connection) => {
      await connection.close();
      throw new Error("It connected.");
    },
    (error: PosternError) => error,
  );
}

const modes = ["verify-full", "disable"] as const;

describe.each(modes)("something else on the port, sslmode=%s", (sslMode) => {
  test("an HTTP server is named", async () => {
    const server = createHttpServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await using listener = new Listener(server);
    const error = await failure({ ...listener.address, sslMode });
    expect(error.code).toBe("endpoint.not-postgres");
    expect(error.message).toContain("an HTTP server");
  });

  test("an SSH server is named", async () => {
    await using listener = await listen((socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n"));
    const error = await failure({ ...listener.address, sslMode });
    expect(error.code).toBe("endpoint.not-postgres");
    expect(error.message).toContain("an SSH server");
  });

  test.each([
    ["zeros", Buffer.alloc(64)],
    ["an authentication message of an unknown kind", Buffer.from("R\0\0\0\x08\0\0\0\x63")],
    ["an authentication message that is too short", Buffer.from("R\0\0\0\x04")],
    ["text", Buffer.from("hello\r\n")],
    ["a byte more than the answer to the TLS request", Buffer.from("S!")],
  ])("%s end in an error, not in a crash", async (_, bytes) => {
    await using listener = await listen((socket) => socket.on("data", () => socket.write(bytes)));
    const error = await failure({ ...listener.address, sslMode });
    expect(error.code).toBe("endpoint.not-postgres");
  });

  test("a listener that says nothing is given up after the connect timeout", async () => {
    await using listener = await listen(() => {});
    const started = performance.now();
    const error = await failure({ ...listener.address, sslMode });
    expect(error.code).toBe("endpoint.silent");
    expect(error.message).toContain("within 0.3 s");
    expect(performance.now() - started).toBeLessThan(1500);
  });

  test("a listener that hangs up is reported as closed, and tried again", async () => {
    let connections = 0;
    await using listener = await listen((socket) => {
      connections += 1;
      socket.end();
    });
    const error = await failure({ ...listener.address, sslMode }, { retry: { maxAttempts: 3, initialDelayMs: 1 } });
    expect(error.code).toBe("endpoint.closed");
    expect(connections).toBe(3);
  });

  test("an abort ends the attempt at once and leaves no socket", async () => {
    await using listener = await listen(() => {});
    const stop = new AbortController();
    const attempt = failure({ ...listener.address, sslMode }, { signal: stop.signal, connectTimeoutMs: 60_000 });
    await expect.poll(async () => await listener.connections()).toBe(1);
    stop.abort();
    expect((await attempt).code).toBe("aborted");
  });
});

test.each([
  ["the host", { host: "localhost" }, "localhost"],
  ["the servername, wherever the socket goes", { host: "localhost", servername: "db.example" }, "db.example"],
  ["nothing when it is an IP address", { host: "127.0.0.1" }, undefined],
])("the TLS handshake asks for %s", async (_, change, expected) => {
  const asked: (string | undefined)[] = [];
  const secure = createTlsServer({ SNICallback: (name, done) => done(null, void asked.push(name)) });
  secure.on("tlsClientError", () => {});
  await using listener = await listen((socket) => {
    socket.once("data", () => {
      socket.write("S");
      secure.emit("connection", socket);
    });
  });
  const error = await failure({ ...listener.address, ...change });
  expect(error.code).toBe("tls.failed");
  expect(asked[0]).toBe(expected);
});

test("a refused port is reported with host and port, without the password", async () => {
  const listener = await listen(() => {});
  const { address } = listener;
  await listener[Symbol.asyncDispose]();
  const error = await failure(address);
  expect(error.code).toBe("tcp.refused");
  expect(error.message).toContain(`127.0.0.1:${address.port}/app as ann`);
  expect(JSON.stringify(error.toDocument())).not.toContain("secret");
});

test("an aborted signal opens no socket", async () => {
  let connections = 0;
  await using listener = await listen(() => {
    connections += 1;
  });
  expect((await failure(listener.address, { signal: AbortSignal.abort() })).code).toBe("aborted");
  expect(connections).toBe(0);
});

test("an abort between two attempts ends the wait", async () => {
  const listener = await listen(() => {});
  const { address } = listener;
  await listener[Symbol.asyncDispose]();
  const stop = new AbortController();
  const attempt = failure(address, { signal: stop.signal, retry: { initialDelayMs: 60_000, maxDelayMs: 60_000 } });
  setImmediate(() => stop.abort());
  expect((await attempt).code).toBe("aborted");
});

test("a server that asks for a password when there is none to give is named as that", async () => {
  // AuthenticationSASL with SCRAM-SHA-256, then its first message.
  const sasl = Buffer.from("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", "latin1");
  await using listener = await listen((socket) => {
    socket.once("data", () => {
      socket.write(sasl);
      socket.once("data", (response) => {
        const nonce = /r=(.*)$/.exec(response.toString("latin1"))?.[1] ?? "";
        const text = `r=${nonce}more,s=c2FsdA==,i=4096`;
        const message = Buffer.concat([Buffer.from("R\0\0\0\0\0\0\0\x0b", "latin1"), Buffer.from(text)]);
        message.writeUInt32BE(message.length - 1, 1);
        socket.write(message);
      });
    });
  });
  const { password: _, ...address } = listener.address;
  const error = await failure({ ...address, sslMode: "disable" });
  expect(error.code).toBe("auth.rejected");
  expect(error.message).toContain("asks for a password and none was given");
});
