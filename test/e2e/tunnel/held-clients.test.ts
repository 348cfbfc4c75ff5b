import { execFile } from "node:child_process";
import { promisify } from "node:util";
import process from "node:process";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { isInstalled } from "../../support/debian.ts";
import { sharedServer } from "../../support/postgres.ts";
import { lost } from "../../support/tunnel/fake-transport.ts";
import { carrierTo } from "../../support/tunnel/tcp-carrier.ts";

/** A tunnel that lost its link a moment ago and does not get another; it holds clients for a fifth of a second. */
async function openLostTunnel() {
  const transport = carrierTo(sharedServer());
  const tunnel = await Tunnel.connect({ transport, holdMs: 200 });
  transport.script.push(...Array.from({ length: 1000 }, lost));
  transport.links.at(-1)?.cut();
  return tunnel;
}

const text =
  /the tunnel to nowhere:5432 in memory has no way to the database \(reconnecting, attempt \d+\): The fake link was cut/u;

describe("a client that was held in vain", () => {
  test.each([
    [false, { severity: "FATAL", code: "57P03", message: expect.stringMatching(text), hint: expect.any(String) }],
    // It reads no error that comes before TLS: it could be anybody's.
    [true, { message: "There was an error establishing an SSL connection" }],
  ])("node-postgres, ssl %s", async (ssl, expected) => {
    await using tunnel = await openLostTunnel();
    const { host, port } = tunnel;
    const client = new Client({ host, port, ssl, user: "ann", database: "app", password: "secret" });
    await expect(client.connect()).rejects.toMatchObject(expected);
    await expect.poll(() => tunnel.status()).toMatchObject({ failedConnections: 1, successRate: 0 });
  });

  test.skipIf(!isInstalled("psql")).each([
    ["disable", text],
    ["prefer", /server sent an error response during SSL exchange/u],
    ["verify-full", /server sent an error response during SSL exchange/u],
  ])("psql, sslmode=%s", async (mode, expected) => {
    await using tunnel = await openLostTunnel();
    const ca = mode === "verify-full" ? ` sslrootcert=${sharedServer().caFile}` : "";
    const target = `host=db.example hostaddr=${tunnel.host} port=${tunnel.port} user=ann dbname=app sslmode=${mode}${ca}`;
    const asking = promisify(execFile)("psql", [target, "-Xc", "select 1"], { env: { PATH: process.env["PATH"] } });
    await expect(asking).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(expected) });
  });
});
