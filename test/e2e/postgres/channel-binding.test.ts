import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServerCertificate } from "#lib/base/certificates.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createTestDatabase, type OwnTestServer, startTestServer, type TestDatabase } from "../../support/postgres.ts";

/**
 * `verify-ca` looks at no name: whoever has any certificate of the same CA may stand in the middle. What stops them is
 * SCRAM's channel binding, which proves that the server that knows the password is the one that holds the certificate.
 */
let server: OwnTestServer;
let database: TestDatabase;

beforeAll(async () => {
  server = await startTestServer();
  database = await createTestDatabase(server);
});
afterAll(async () => await server[Symbol.asyncDispose]());

/** Ends TLS with a certificate of its own from the same CA, and passes on what it reads there to the real server. */
async function startMiddle(onAnswer: (bytes: Buffer) => Buffer) {
  const authority = { certificate: server.caPem, privateKey: await readFile(join(server.dataDir, "ca.key"), "utf8") };
  const { certificate, privateKey } = await createServerCertificate(authority, ["middle.example"], new Date());
  const sockets = new Set<Socket>();
  const keep = <Kind extends Socket>(socket: Kind): Kind => {
    sockets.add(socket);
    return socket.on("error", () => {});
  };
  const secure = createTlsServer({ cert: certificate, key: privateKey }, (client) => {
    void connectUpstream(keep).then((upstream) => {
      keep(client).pipe(upstream);
      upstream.on("data", (bytes: Buffer) => client.write(onAnswer(bytes)));
      return upstream.on("close", () => client.end());
    });
  });
  secure.on("tlsClientError", () => {});
  const listener = createServer((socket) => {
    keep(socket).once("data", () => {
      socket.write("S");
      secure.emit("connection", socket);
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}

async function connectUpstream(keep: <Kind extends Socket>(socket: Kind) => Kind): Promise<Socket> {
  const plain = keep(connectTcp({ host: server.host, port: server.port }));
  plain.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
  await once(plain, "data");
  const upstream = keep(connectTls({ socket: plain, ca: server.caPem, host: server.host }));
  await once(upstream, "secureConnect");
  return upstream;
}

/** Takes SCRAM-SHA-256-PLUS off the list of what the server accepts. */
function hideChannelBinding(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1").replace("SCRAM-SHA-256-PLUS\0", "");
  const shorter = Buffer.from(text, "latin1");
  if (shorter.length < bytes.length) shorter.writeUInt32BE(shorter.length - 1, 1);
  return shorter;
}

test.each([
  ["that passes everything on", (bytes: Buffer) => bytes],
  ["that hides the server's channel binding", hideChannelBinding],
] as const)("nobody logs in through a man in the middle with a certificate of the same CA, %s", async (_, onAnswer) => {
  await using middle = await startMiddle(onAnswer);
  const address = { ...database.address, port: middle.port, sslMode: "verify-ca" } as const;
  const login = connect(address, { applicationName: "channel binding test", retry: false }).then(
    async (connection) => await connection.close(),
  );
  await expect(login).rejects.toMatchObject({ sqlState: expect.stringMatching(/^28|^08/) });
});
