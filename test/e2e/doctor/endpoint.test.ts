import { connect, createServer, type Socket, type AddressInfo } from "node:net";
import { once } from "node:events";
import { TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { createAuthority, createServerCertificate } from "#lib/base/certificates.ts";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect as connectTo } from "#lib/postgres/connect.ts";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import { examine } from "#lib/doctor/examine.ts";
import { serverError } from "../../support/faults/server-error.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

async function verdictAt(address: DatabaseAddress) {
  return await examine({ address, signal: AbortSignal.timeout(20_000) });
}

/** Something that accepts connections and does the same to each. */
async function listen(behave: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    behave(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const somewhere: DatabaseAddress = {
  host: "127.0.0.1",
  port: 1,
  database: "app",
  user: "ann",
  password: "secret-of-ann",
  sslMode: "verify-full",
};

test("a healthy server is well, step by step", async () => {
  await using database = await createTestDatabase();
  const report = await verdictAt(database.address);
  expect(report.verdict).toMatchObject({ code: "ok" });
  expect(report.probes.map(({ name, ok }) => [name, ok])).toEqual(
    [
      "dns",
      "tcp",
      "ssl-request",
      "tls",
      "certificate",
      "startup",
      "auth",
      "ready",
      "query",
      "download",
      "upload",
      "parallel",
    ].map((name) => [name, true]),
  );
});

test("an error without a word in it is said to be one", async () => {
  const empty = Buffer.from([0x45, 0, 0, 0, 5, 0]);
  await using server = await listen((socket) => void socket.once("data", () => socket.end(empty)));
  const { verdict } = await verdictAt({ ...somewhere, port: server.port, sslMode: "disable" });
  expect(verdict.evidence).toContain("startup: an error without severity, SQLSTATE or message");
});

test("a session that is begun and not finished is not said to be silent", async () => {
  // The head of a message of 64 bytes.
  const begun = Buffer.from([0x52, 0, 0, 0, 64]);
  await using server = await listen((socket) => void socket.once("data", () => socket.write(begun)));
  const { verdict } = await verdictAt({ ...somewhere, port: server.port, sslMode: "disable" });
  expect(verdict).toMatchObject({ code: "startup.stalled", evidence: expect.stringContaining("the last bytes came") });
  expect(verdict.summary).not.toContain("nothing");
});

test("a certificate that ends within 30 days is a warning, and no verdict", async () => {
  await using database = await createTestDatabase();
  const certificateOf = async (clock: Clock) => {
    const report = await examine({ address: database.address, clock, signal: AbortSignal.timeout(20_000) });
    expect(report.verdict.code).toBe("ok");
    return report.probes.find(({ name }) => name === "certificate");
  };
  const today = await certificateOf(systemClock);
  expect(today?.warning).toBeUndefined();
  const end = new Date(/until (?<day>\S+)/u.exec(today?.detail ?? "")?.groups?.["day"] ?? "").getTime();
  const before = (days: number): Clock => ({ ...systemClock, wallTime: () => new Date(end - days * 86_400_000) });
  expect((await certificateOf(before(12)))?.warning).toMatch(/^It expires within 1[23] days/u);
  expect((await certificateOf(before(31)))?.warning).toBeUndefined();
});

test("what failed first, and passed over fresh connections, is a warning under the verdict ok", async () => {
  await using database = await createTestDatabase();
  let connections = 0;
  await using between = await listen((socket) => {
    connections += 1;
    // The first of four at a time.
    if (connections === 2) {
      socket.once("data", () => socket.end(tooBusy));
      return;
    }
    const onwards = connect(database.address.port, database.address.host);
    onwards.on("error", () => {}).on("close", () => socket.destroy());
    socket.on("close", () => onwards.destroy());
    socket.pipe(onwards).pipe(socket);
  });
  const report = await verdictAt({
    ...database.address,
    host: "127.0.0.1",
    port: between.port,
    servername: database.address.host,
  });
  expect(report.verdict.code).toBe("ok");
  expect(report.probes.at(-1)).toMatchObject({
    name: "parallel",
    ok: true,
    detail: "passed on fresh connections",
    warning: expect.stringMatching(/^At first: .*too many clients/u),
  });
});

test("a server that goes away behind the first walk is gone, and has no limit", async () => {
  await using database = await createTestDatabase();
  let isGone = false;
  await using between = await listen((socket) => {
    if (isGone) {
      socket.destroy();
      return;
    }
    isGone = true;
    const onwards = connect(database.address.port, database.address.host);
    onwards.on("error", () => {}).on("close", () => socket.destroy());
    socket.on("close", () => onwards.destroy());
    socket.pipe(onwards).pipe(socket);
  });
  const { host: servername } = database.address;
  const { verdict } = await verdictAt({ ...database.address, host: "127.0.0.1", port: between.port, servername });
  expect(verdict.code).toBe("endpoint.closed");
});

describe("what listens there is not well", () => {
  test.each<[string, (socket: Socket) => void, string]>([
    ["says nothing", () => {}, "endpoint.silent"],
    ["closes", (socket) => socket.once("data", () => socket.end()), "endpoint.closed"],
    ["resets", (socket) => socket.once("data", () => socket.resetAndDestroy()), "endpoint.reset"],
    ["is an SSH server", (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"), "endpoint.not-postgres"],
    [
      "is an HTTP server",
      (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
      "endpoint.not-postgres",
    ],
    ["says S and more", (socket) => socket.once("data", () => socket.write("SS")), "endpoint.not-postgres"],
    ["has no TLS", (socket) => socket.once("data", () => socket.write("N")), "tls.refused"],
    ["says yes to TLS and then nothing", (socket) => socket.once("data", () => socket.write("S")), "tls.stalled"],
    ["closes in the handshake", (socket) => afterYes(socket, () => socket.end()), "tls.closed"],
    ["resets in the handshake", (socket) => afterYes(socket, () => socket.resetAndDestroy()), "tls.reset"],
    [
      "sends garbage in the handshake",
      (socket) => afterYes(socket, () => socket.write(Buffer.alloc(300, 0x41))),
      "tls.corrupted",
    ],
    ["alerts handshake_failure", (socket) => afterYes(socket, () => socket.write(alert(40))), "tls.no-common-cipher"],
    ["alerts protocol_version", (socket) => afterYes(socket, () => socket.write(alert(70))), "tls.version"],
    ["alerts unrecognized_name", (socket) => afterYes(socket, () => socket.write(alert(112))), "tls.unknown-name"],
    ["is too busy to begin", (socket) => socket.once("data", () => socket.end(tooBusy)), "db.too-many-connections"],
    ["has no process left", (socket) => socket.once("data", () => socket.end(noProcess)), "db.failed"],
    ["answers in TLS 1.0", (socket) => afterYes(socket, () => socket.write(helloOfTls10)), "tls.version"],
  ])("it %s", async (_, behave, code) => {
    await using listener = await listen(behave);
    const report = await verdictAt({ ...somewhere, port: listener.port });
    expect(report.verdict.code).toBe(code);
    expect(report.ms).toBeLessThan(5000);
    expect(JSON.stringify(report)).not.toContain("secret-of-ann");
  });

  test("it is too busy to begin, and says so in two parts", async () => {
    const clients: Socket[] = [];
    const read = (port: number | undefined) => clients.find(({ localPort }) => localPort === port)?.bytesRead;
    const sayInParts = async (socket: Socket) => {
      await once(socket, "data");
      socket.write(tooBusy.subarray(0, 3));
      await waitFor("the first part is read", () => read(socket.remotePort) === 3);
      socket.end(tooBusy.subarray(3));
    };
    await using listener = await listen((socket) => void sayInParts(socket));
    const open = async () => {
      const client = connect(listener.port, "127.0.0.1");
      clients.push(client);
      await once(client, "connect");
      return client;
    };
    const { verdict } = await examine({ address: somewhere, open, signal: AbortSignal.timeout(20_000) });
    expect(verdict.code).toBe("db.too-many-connections");
  });

  test("nothing listens", async () => {
    const port = await (async () => {
      await using listener = await listen(() => {});
      return listener.port;
    })();
    expect((await verdictAt({ ...somewhere, port })).verdict.code).toBe("tcp.refused");
  });

  test("the name does not exist", async () => {
    expect((await verdictAt({ ...somewhere, host: "no-such-host.invalid" })).verdict.code).toMatch(/^dns\./);
  });
});

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "a server that wants a certificate of ours in %s says so",
  async (maxVersion) => {
    const authority = await createAuthority("clients", new Date());
    const { certificate: cert, privateKey: key } = await createServerCertificate(authority, ["127.0.0.1"], new Date());
    const ca = authority.certificate;
    await using listener = await listen((socket) => {
      socket.once("data", () => {
        socket.write("S");
        const wants = { requestCert: true, rejectUnauthorized: true };
        new TLSSocket(socket, { isServer: true, cert, key, ca, maxVersion, ...wants }).on("error", () => {});
      });
    });
    const { verdict } = await verdictAt({ ...somewhere, port: listener.port, ca: [ca] });
    expect(verdict).toMatchObject({ code: "auth.method", summary: expect.stringContaining("client certificate") });
  },
);

test("a certificate that no authority would mend is not said to want another one", async () => {
  const { certificate: cert, privateKey: key } = await createAuthority("127.0.0.1", new Date());
  await using listener = await listen((socket) => {
    socket.once("data", () => {
      socket.write("S");
      new TLSSocket(socket, { isServer: true, cert, key }).on("error", () => {});
    });
  });
  const { verdict } = await verdictAt({ ...somewhere, port: listener.port });
  expect(verdict).toMatchObject({
    code: "cert.unknown-ca",
    summary: expect.stringContaining("does not hold, whoever is trusted: unsuitable certificate purpose"),
    fix: expect.stringContaining("no --ca mends this one"),
  });
});

test("a server without TLS that refuses a login without it is not said to want TLS", async () => {
  const message = 'no pg_hba.conf entry for host "127.0.0.1", user "ann", database "app", no encryption';
  await using listener = await listen((socket) => {
    socket.on("data", (chunk) => {
      if (chunk.length === 8) socket.write("N");
      else socket.end(serverError("28000", message));
    });
  });
  for (const sslMode of ["disable", "prefer"] as const) {
    const { verdict } = await verdictAt({ ...somewhere, port: listener.port, sslMode });
    expect(verdict).toMatchObject({ code: "auth.no-login", fix: expect.stringContaining("pg_hba.conf") });
  }
});

function afterYes(socket: Socket, act: () => void): void {
  socket.once("data", () => {
    socket.write("S");
    socket.once("data", act);
  });
}

/** As PostgreSQL says it until today, before it knows what the client speaks. */
const noProcess = Buffer.from("Ecould not fork new process for connection: Cannot allocate memory\n\0");

/** A ServerHello of a server that knows nothing newer. */
const helloOfTls10 = (() => {
  const body = Buffer.concat([Buffer.from([3, 1]), Buffer.alloc(32, 7), Buffer.from("00002f00", "hex")]);
  return Buffer.concat([Buffer.from([22, 3, 1, 0, body.length + 4, 2, 0, 0, body.length]), body]);
})();

function alert(description: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, description]);
}

/** FATAL 53300, as a server sends it before it has read anything. */
const tooBusy = (() => {
  const fields = Buffer.from("SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0");
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  return Buffer.concat([Buffer.from("E"), length, fields]);
})();

function withoutCa(address: DatabaseAddress): DatabaseAddress {
  const { ca: _ca, ...others } = address;
  return others;
}

describe("the server refuses", () => {
  test.each<[string, (address: DatabaseAddress) => DatabaseAddress, string]>([
    ["a wrong password", (address) => ({ ...address, password: "wrong" }), "auth.rejected"],
    ["a database that does not exist", (address) => ({ ...address, database: "no_such" }), "db.missing"],
    ["a connection without TLS", (address) => ({ ...address, sslMode: "disable" }), "tls.required"],
    [
      "a name that is not in the certificate",
      (address) => ({ ...address, servername: "other.example" }),
      "cert.wrong-host",
    ],
    ["an authority that is not trusted", withoutCa, "cert.unknown-ca"],
  ])("%s", async (_, change, code) => {
    await using database = await createTestDatabase();
    expect((await verdictAt(change(database.address))).verdict.code).toBe(code);
  });

  test("a role that may not log in, and one that may not connect", async () => {
    await using database = await createTestDatabase();
    const role = `${database.name}_role`;
    await using connection = await connectTo(database.address, { applicationName: "test" });
    const ask = async (sql: string) => connection.client.query(sql);
    await ask(`create role ${quoteIdentifier(role)} password 'right' nologin`);
    try {
      const address = { ...database.address, user: role, password: "right" };
      expect((await verdictAt(address)).verdict.code).toBe("auth.no-login");
      await ask(`alter role ${quoteIdentifier(role)} login`);
      await ask(`revoke connect on database ${quoteIdentifier(database.name)} from public`);
      expect((await verdictAt(address)).verdict.code).toBe("db.no-connect-privilege");
      await ask(`grant connect on database ${quoteIdentifier(database.name)} to ${quoteIdentifier(role)}`);
      await ask(`alter role ${quoteIdentifier(role)} set default_transaction_read_only to on`);
      expect((await verdictAt(address)).verdict.code).toBe("ok");
      await ask(`alter role ${quoteIdentifier(role)} reset default_transaction_read_only`);
      await ask(`alter role ${quoteIdentifier(role)} connection limit 2`);
      expect((await verdictAt(address)).verdict.code).toBe("parallel.limit");
    } finally {
      await ask(`drop owned by ${quoteIdentifier(role)}`);
      await ask(`drop role ${quoteIdentifier(role)}`);
    }
  });
});
