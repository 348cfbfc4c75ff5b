import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { type Certified, createAuthority, createServerCertificate } from "#lib/base/certificates.ts";
import { examine } from "#lib/doctor/examine.ts";
import { adviseOnTls } from "#lib/doctor/tls-advice.ts";
import { parseDatabaseUrl } from "#lib/postgres/address.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { listen } from "../../support/faults/listener.ts";
import { serverError } from "../../support/faults/server-error.ts";
import { startTerminatingProxy } from "../../support/faults/terminating-proxy.ts";
import { makeDataFolder } from "../../support/run-folder.ts";
import { createSelfSigned } from "../../support/self-signed.ts";
import { createTestDatabase } from "../../support/postgres.ts";

const signal = new AbortController().signal;
const now = new Date();

/** A server that shows this certificate, and what is said of an address that asks for it so. */
async function adviceFor(
  show: (authority: Certified) => Promise<Certified>,
  ask: (address: DatabaseAddress, authority: Certified) => Partial<DatabaseAddress>,
  isOfRds = false,
) {
  await using database = await createTestDatabase();
  const authority = await createAuthority("Amazon RDS eu-central-1 Root CA RSA2048 G1", now);
  const proxy = await startTerminatingProxy({ server: database.address, certificate: await show(authority) });
  await using _ = proxy;
  const { ca: _ca, ...place } = database.address;
  const through: DatabaseAddress = { ...place, host: "127.0.0.1", port: proxy.port };
  const address = { ...through, ...ask(through, authority) };
  const known = async () => ({ rds: new Map(isOfRds ? [["eu-central-1", [authority.certificate]]] : []) });
  const report = await examine({ address, signal });
  const advice = await adviseOnTls({ address, report, known, signal });
  return { code: report.verdict.code, advice, password: database.address.password ?? "", authority, through };
}

const signed =
  (...names: string[]) =>
  async (authority: Certified) =>
    await createServerCertificate(authority, names, now);

test("a chain that ends at RDS's roots is said to, with the bundle of its region", async () => {
  const { code, advice, password } = await adviceFor(signed("127.0.0.1"), () => ({}), true);
  expect(code).toBe("cert.unknown-ca");
  expect(advice).toMatchObject({
    sslMode: "verify-full",
    trust: "rds",
    text: expect.stringContaining("truststore.pki.rds.amazonaws.com/eu-central-1/eu-central-1-bundle.pem"),
    url: expect.stringContaining("sslmode=verify-full&sslrootcert=eu-central-1-bundle.pem"),
  });
  expect(JSON.stringify(advice)).not.toContain(password);
});

test("a certificate for another name is used with that name, and the address beside it; the URL works", async () => {
  const { code, advice, authority, password } = await adviceFor(signed("db.example"), (_, { certificate }) => ({
    ca: [certificate],
  }));
  expect(code).toBe("cert.wrong-host");
  expect(advice?.url).toMatch(/@db\.example:\d+\/.*hostaddr=127\.0\.0\.1/u);
  const url = await inFile(advice?.url ?? "", authority.certificate);
  expect(url.servername).toBe("db.example");
  expect((await examineAgain(url, password, authority, signed("db.example"))).verdict.code).toBe("ok");
});

test("a server whose authority nobody knows and that does not show it gives no string that pretends to work", async () => {
  const { advice } = await adviceFor(signed("127.0.0.1"), () => ({}));
  expect(advice).toMatchObject({
    trust: "none",
    text: expect.stringMatching(/Nothing here verifies.*Root CA RSA2048/u),
  });
});

test("a certificate that signed itself is to be compared by its fingerprint", async () => {
  const { advice } = await adviceFor(
    async () => await createSelfSigned("db.example"),
    () => ({}),
  );
  expect(advice).toMatchObject({
    sslMode: "verify-full",
    trust: "own",
    text: expect.stringMatching(/signed its certificate itself: compare the SHA-256 [0-9A-F:]{95}/u),
    url: expect.stringMatching(/@db\.example:.*sslrootcert=FILE&hostaddr=127\.0\.0\.1/u),
  });
});

test("a certificate that signed itself and may not be used so is not called one that works", async () => {
  const { advice } = await adviceFor(
    async () => await createAuthority("db.example", now),
    () => ({}),
  );
  expect(advice).toMatchObject({ trust: "none", text: expect.stringContaining("does not hold, whoever is trusted") });
});

test("what a stranger's certificate calls itself comes into a connection string only as a host name", async () => {
  const { advice } = await adviceFor(
    async () => await createSelfSigned("db.example;touch x"),
    () => ({}),
  );
  expect(advice).toMatchObject({ sslMode: "verify-ca", url: expect.not.stringContaining("touch") });
});

test("what works without verification is told what would verify it", async () => {
  const { code, advice } = await adviceFor(signed("127.0.0.1"), () => ({ sslMode: "require" }), true);
  expect(code).toBe("ok");
  expect(advice).toMatchObject({ sslMode: "verify-full", trust: "rds" });
});

test("what offers no TLS is given a string without it only where it speaks PostgreSQL so", async () => {
  expect(await adviseAfter(serverError("28000", "no pg_hba.conf entry"))).toMatchObject({ sslMode: "disable" });
  expect(await adviseAfter(Buffer.from("527fffffff", "hex"))).toBeUndefined();
});

/** What is advised of a server that answers N to the request for TLS, and so to whatever begins a session. */
async function adviseAfter(answer: Buffer) {
  await using server = await listen((socket) => {
    socket.on("data", (chunk) => socket.write(chunk.readInt32BE(0) === 8 ? "N" : answer));
    return { [Symbol.dispose]: () => {} };
  });
  const { host, port } = server;
  const address: DatabaseAddress = { host, port, database: "app", user: "ann", sslMode: "verify-full" };
  const report = await examine({ address, signal });
  expect(report.verdict.code).toBe("tls.refused");
  return await adviseOnTls({ address, report, known: async () => ({ rds: new Map() }), signal });
}

async function inFile(text: string, pem: string): Promise<DatabaseAddress> {
  const file = join(await makeDataFolder(inject("runFolder")), "ca.pem");
  await writeFile(file, pem);
  return await parseDatabaseUrl(text.replace("FILE", encodeURIComponent(file)));
}

/** The server of before is gone: another one with the same names. */
async function examineAgain(
  address: DatabaseAddress,
  _password: string,
  authority: Certified,
  show: (authority: Certified) => Promise<Certified>,
) {
  await using database = await createTestDatabase();
  await using proxy = await startTerminatingProxy({ server: database.address, certificate: await show(authority) });
  const { user, password, database: name } = database.address;
  return await examine({
    address: { ...address, port: proxy.port, user, database: name, ...(password === undefined ? {} : { password }) },
    signal,
  });
}
