import { chmod, readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, inject, test } from "vitest";
import { createAuthority, createServerCertificate } from "#lib/base/certificates.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { startTestEndpoint } from "../../support/aws-endpoint.ts";
import { runCommand } from "../../support/command-line.ts";
import { listen } from "../../support/faults/listener.ts";
import { startTerminatingProxy } from "../../support/faults/terminating-proxy.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { makeDataFolder } from "../../support/run-folder.ts";

type Env = Readonly<Record<string, string>>;

const fixture = join(import.meta.dirname, "../../support/fixtures/report-memory.ts");
let folder: string;
beforeEach(async () => {
  folder = await makeDataFolder(inject("runFolder"));
});

async function doctor(args: readonly string[], env: Env = {}) {
  return await runCommand(["doctor", "--json", ...args], { env });
}

/** The process's most memory, too. */
async function doctorMeasured(url: string) {
  const file = join(folder, "memory");
  const env = { NODE_OPTIONS: `--import ${pathToFileURL(fixture).href}`, REPORT_MEMORY_TO: file };
  const { json, exitCode } = await doctor(["--url", url], env);
  const mib = Number(await readFile(file, "utf8")) / 1024;
  return { report: json() as DoctorReport, exitCode, mib };
}

async function refusal(args: readonly string[], env: Env = {}) {
  const { exitCode, json, stdout, stderr } = await doctor(args, env);
  const { error } = json() as { error: { code: string; message: string; hint?: string } };
  expect(exitCode).toBe(2);
  expect(`${stdout}${stderr}`).not.toMatch(/ {4}at |secret-of-ann/u);
  return error;
}

function urlOf({ user, password = "", port, database }: DatabaseAddress, host = "127.0.0.1", query = ""): string {
  return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}${query}`;
}

describe("a URL that cannot be used says why, and not what may be a password", () => {
  test.each([
    ["mysql://ann:secret-of-ann@db/app", "does not begin with postgres:// or postgresql://"],
    ["postgres://ann:secret-of-ann@db/app?sslmod=require", "its parameter sslmod is not supported"],
    ["postgres://ann:secret-of-ann@db/app?sslmode=allow", "expected disable, prefer, require, verify-ca, verify-full"],
    ["postgres://ann:secret-of-ann@db/app?sslmode=verify-ca", "sslmode=verify-ca needs a CA"],
    ["postgres://ann:secret-of-ann@one,two/app", "several hosts: expected one"],
    ["postgres://ann:secret-of-ann@one:1,two:2/app", "several hosts: expected one"],
    ["postgres://ann:secret-of-ann@%2Fvar%2Frun%2Fpostgresql/app", "Unix sockets are not supported: use 127.0.0.1"],
    ["postgres://ann:secret-of-ann@/app?host=/var/run/postgresql", "Unix sockets are not supported: use 127.0.0.1"],
    ["postgres://ann:secret-of-ann@db:0/app", "expected HOST:PORT with a port from 1 to 65535"],
    ["postgres://ann:secret-of-ann@db:70000/app", "expected HOST:PORT with a port from 1 to 65535"],
    ["postgres://ann:secret-of-ann@db:five/app", "expected HOST:PORT with a port from 1 to 65535"],
    ["postgres://ann:secret-of-ann@[::1/app", "expected HOST:PORT"],
    ["postgres://ann:secret-of-ann%@db/app", "its password is not percent-encoded correctly"],
    ["postgres://db/app", "it names no user"],
  ])("%s", async (url, message) => {
    expect(await refusal(["--url", url])).toMatchObject({
      code: "url.invalid",
      message: expect.stringContaining(message),
    });
  });
});

describe("a CA file that cannot be used is named", () => {
  const url = "postgres://ann:secret-of-ann@127.0.0.1/app";
  const keyPem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";

  const brokenPem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

  test.each([
    ["missing", undefined, "cannot be read (ENOENT)"],
    ["not PEM", "hello", "holds no certificate: expected PEM"],
    ["empty", "", "holds no certificate: expected PEM"],
    ["a private key", keyPem, "holds a private key and no certificate"],
    ["a broken certificate", brokenPem, "certificate 1 cannot be parsed"],
  ])("%s", async (_, text, message) => {
    const file = join(folder, "ca.pem");
    if (text !== undefined) await writeFile(file, text);
    const error = await refusal(["--url", url, "--ca", file]);
    expect(error).toMatchObject({ code: "config.invalid", message: expect.stringContaining(message) });
    expect(error.message).toContain(file);
    expect(error.message).not.toContain("MIGHAgEA");
  });

  test("a name that is empty, as of a variable that is not set", async () => {
    expect((await refusal(["--url", url, "--ca", ""])).message).toContain("'--ca <file>' argument ''");
  });

  test("a directory", async () => {
    expect((await refusal(["--url", url, "--ca", folder])).message).toContain("cannot be read (EISDIR)");
  });

  test.skipIf(process.getuid?.() === 0)("without the right to read it", async () => {
    const file = join(folder, "ca.pem");
    await writeFile(file, "");
    await chmod(file, 0);
    expect((await refusal(["--url", url, "--ca", file])).message).toContain("EACCES");
  });
});

test("a stage that does not exist, one without credentials and one that is not running are told apart", async () => {
  await using endpoint = await startTestEndpoint();
  const { endpoint: url, region, credentials } = endpoint.config();
  const nobody = { AWS_CONFIG_FILE: "/nonexistent", AWS_SHARED_CREDENTIALS_FILE: "/nonexistent", POSTERN_DATA: folder };
  const there = { ...nobody, AWS_REGION: region, AWS_ENDPOINT_URL: url };
  const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = credentials;
  const somebody = { ...there, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY };
  expect(await refusal(["--stage", "dev"], somebody)).toMatchObject({ code: "stage.unknown" });
  // A verdict, as what a walk finds.
  const { json, exitCode } = await doctor(["--stage", "dev"], there);
  expect([(json() as DoctorReport).verdict.code, exitCode]).toEqual(["aws.credentials", 1]);
  expect(await refusal(["--stage", "local"], nobody)).toMatchObject({ code: "stage.not-running" });
  expect(await refusal(["--stage", "Not A Stage"], there)).toMatchObject({ code: "usage.invalid" });
});

describe("a URL that looks unusual and is right", () => {
  test("a password with every character that a URL knows, and with letters beyond ASCII", async () => {
    await using database = await createTestDatabase();
    const role = `${database.name}_ann`;
    const password = "p@s:s/w?o#r%d &+=ä€語";
    await using connection = await connect(database.address, { applicationName: "test" });
    const ask = async (sql: string) => await connection.client.query(sql);
    await ask(`create role ${quoteIdentifier(role)} login password ${quoteLiteral(password)}`);
    try {
      for (const scheme of ["postgres", "postgresql"]) {
        const url = urlOf({ ...database.address, user: role, password }).replace("postgres", scheme);
        const { json, stdout, stderr } = await doctor(["--url", url, "--ca", database.caFile]);
        expect((json() as DoctorReport).verdict).toMatchObject({ code: "ok" });
        expect(`${stdout}${stderr}`).not.toContain("w?o#r");
      }
    } finally {
      await ask(`drop role ${quoteIdentifier(role)}`);
    }
  });

  test("an IPv6 address is taken, and written in brackets", async () => {
    const { json, stderr } = await doctor(["--url", "postgres://ann:secret-of-ann@[::1]:9/app"]);
    const { verdict } = json() as DoctorReport;
    expect(verdict.code).toMatch(/^(?:tcp\.refused|route\.unreachable)$/u);
    expect(verdict.evidence).toContain("[::1]:9");
    expect(stderr).toContain("target: [::1]:9/app as ann");
  });

  test.each([
    ["disable", "tls.required", /sslmode=verify-full/u],
    ["prefer", "ok", /sslmode=verify-full/u],
    ["require", "ok", /sslmode=verify-full/u],
    ["verify-full", "cert.unknown-ca", /sslrootcert=FILE/u],
  ])("sslmode=%s at a server with a certificate of its own: %s, and the string to use", async (mode, code, url) => {
    await using database = await createTestDatabase();
    const { json, stdout, stderr } = await doctor(["--url", urlOf(database.address, undefined, `?sslmode=${mode}`)]);
    const { verdict, connection } = json() as DoctorReport;
    expect(verdict.code).toBe(code);
    expect(connection?.url).toMatch(url);
    expect(`${stdout}${stderr}`).not.toContain(database.address.password);
  });
});

function atUrl(port: number, query = ""): string {
  return `postgres://ann:secret-of-ann@127.0.0.1:${port}/app${query}`;
}

/** Bytes as fast as they are taken. */
function flood(socket: Socket, bytes: Buffer): Disposable {
  function more(): void {
    while (!socket.destroyed && socket.write(bytes));
  }
  socket.on("drain", more);
  more();
  return { [Symbol.dispose]: () => {} };
}

function afterRequest(answer: string, then: (socket: Socket) => void) {
  return (socket: Socket): Disposable => {
    socket.once("data", () => {
      socket.write(answer);
      then(socket);
    });
    return { [Symbol.dispose]: () => {} };
  };
}

describe("a server that does what none should", () => {
  const garbage = Buffer.alloc(256 * 1024, "garbage ");
  const twoGigabytes = Buffer.concat([Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff]), garbage]);
  const notices = Buffer.concat(Array.from({ length: 4096 }, () => Buffer.from([0x4e, 0, 0, 0, 5, 0])));

  test.each([
    [
      "garbage without end, from the first byte",
      (socket: Socket) => flood(socket, garbage),
      "",
      "endpoint.not-postgres",
    ],
    [
      "garbage without end, for TLS",
      afterRequest("S", (socket) => flood(socket, garbage)),
      "",
      "^tls.corrupted$|^endpoint.not-postgres$",
    ],
    [
      "a message of 2 GB",
      afterRequest("", (socket) => flood(socket, twoGigabytes)),
      "?sslmode=disable",
      "endpoint.not-postgres",
    ],
    [
      "notices without end",
      afterRequest("", (socket) => flood(socket, notices)),
      "?sslmode=disable",
      "endpoint.not-postgres",
    ],
  ])("%s: is named, in time and in little memory", async (_, serve, query, code) => {
    await using listener = await listen(serve);
    const { report, exitCode, mib } = await doctorMeasured(atUrl(listener.port, query));
    expect(report.verdict.code).toMatch(new RegExp(code, "u"));
    expect(exitCode).toBe(1);
    expect(mib).toBeLessThan(200);
  });

  test("a byte a second is slow, and not waited for", async () => {
    // AuthenticationOk, and whatever might come behind it.
    const answer = Buffer.concat([Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]), notices]);
    await using listener = await listen(
      afterRequest("", (socket) => {
        let sent = 0;
        const timer = setInterval(() => {
          socket.write(answer.subarray(sent, (sent += 1)));
        }, 1000);
        socket.once("close", () => clearInterval(timer));
      }),
    );
    const { report, exitCode } = await doctorMeasured(atUrl(listener.port, "?sslmode=disable"));
    expect([report.verdict.code, exitCode]).toEqual(["path.slow", 1]);
  });

  test("garbage without end in place of a reply, behind TLS and the password", async () => {
    await using database = await createTestDatabase();
    const authority = await createAuthority("Authority", new Date());
    const certificate = await createServerCertificate(authority, ["127.0.0.1"], new Date());
    await using proxy = await startTerminatingProxy({
      server: database.address,
      certificate,
      fault: { point: { at: "query", count: 1 }, act: { kind: "send", bytes: Buffer.alloc(64 * 1024 * 1024, 0x4e) } },
    });
    const { report, mib } = await doctorMeasured(
      urlOf({ ...database.address, port: proxy.port }, undefined, "?sslmode=require"),
    );
    expect(report.verdict.code).toBe("endpoint.not-postgres");
    expect(mib).toBeLessThan(200);
  });
});
