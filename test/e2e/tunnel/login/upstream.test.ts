import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createAuthority } from "#lib/base/certificates.ts";
import { PosternError } from "#lib/base/errors.ts";
import { connect } from "#lib/postgres/connect.ts";
import { openTcp } from "#lib/postgres/socket.ts";
import { fatalErrorResponse } from "#lib/postgres/wire/fatal-error.ts";
import { createTestDatabase, startTestServer } from "../../../support/postgres.ts";
import { type LoginScene, openLoginScene } from "../../../support/tunnel/login-scene.ts";

const hasText = (text: string) => expect.stringContaining(text);

/** What the client was told, and what a log would hold, name no password. */
async function refused(scene: LoginScene): Promise<unknown> {
  const error: unknown = await scene.connect().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const told = JSON.stringify([error, String(error), scene.failures.map((failure) => failure.toDocument())]);
  expect(scene.secrets.filter((secret) => told.includes(secret))).toEqual([]);
  return error;
}

describe("the log-in to the database", () => {
  test("that it refuses is not blamed on the client's password", async () => {
    await using scene = await openLoginScene({ upstream: { password: async () => "not the password" } });
    expect(await refused(scene)).toMatchObject({ code: "28000", message: hasText("the tunnel's own login") });
    expect(scene.failures).toMatchObject([{ code: "auth.rejected", sqlState: "28P01" }]);
    expect(JSON.stringify(scene.failures)).not.toContain("not the password");
  });

  test("goes to no server whose certificate another authority signed", async () => {
    const stranger = await createAuthority("A stranger", new Date());
    await using scene = await openLoginScene({ upstream: { ca: [stranger.certificate] } });
    expect(await refused(scene)).toMatchObject({ code: "08001" });
    expect(scene.failures).toMatchObject([{ code: "cert.unknown-ca" }]);
  });

  test("goes to no server whose certificate is for another name than the database's own", async () => {
    await using scene = await openLoginScene({ upstream: { host: "db.example" } });
    expect(await refused(scene)).toMatchObject({ code: "08001", message: hasText("db.example") });
    expect(scene.failures).toMatchObject([{ code: "cert.wrong-host" }]);
  });

  test("is checked against the database's own name, wherever the stream goes through", async () => {
    await using server = await startTestServer({ names: ["db.example"] });
    await using scene = await openLoginScene({ server, upstream: { host: "db.example", port: 5432 } });
    await using client = await scene.connect();
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  test("goes to no server without TLS", async () => {
    await using server = await startTestServer({ tls: "off" });
    await using scene = await openLoginScene({ server });
    expect(await refused(scene)).toMatchObject({ code: "08001", message: hasText("offers no TLS") });
  });

  test("without a way to the database says why, as something that may pass", async () => {
    await using scene = await openLoginScene({
      openStream: async () => {
        throw new PosternError("ssm.lost", "The session is gone.");
      },
    });
    expect(await refused(scene)).toMatchObject({ code: "57P03", message: hasText("The session is gone") });
    expect(scene.failures).toMatchObject([{ code: "ssm.lost" }]);
  });

  test("passes on what the tunnel's own port says while it has no link", async () => {
    const why = "the tunnel has no way to the database (reconnecting, attempt 3)";
    const port = createServer((socket) => socket.end(fatalErrorResponse({ sqlState: "57P03", message: why })));
    port.listen(0, "127.0.0.1");
    await once(port, "listening");
    const target = { host: "127.0.0.1", port: (port.address() as AddressInfo).port };
    await using scene = await openLoginScene({ openStream: async (signal) => openTcp(target, signal) });
    expect(await refused(scene)).toMatchObject({ code: "57P03", message: hasText(why) });
    port.close();
  });

  test.each([
    ["password", "scram-sha-256"],
    ["md5", "md5"],
  ])("answers a server that asks for %s", async (method, encryption) => {
    await using server = await startTestServer();
    await using database = await createTestDatabase(server);
    await using admin = await connect(database.address, { applicationName: "test" });
    await admin.client.query(`set password_encryption = '${encryption}'`);
    await admin.client.query("create role visitor login password 'visit me'");
    const rules = join(server.dataDir, "server", "pg_hba.conf");
    await writeFile(rules, `hostssl all visitor all ${method}\n${await readFile(rules, "utf8")}`);
    await admin.client.query("select pg_reload_conf()");
    await using scene = await openLoginScene({
      server,
      upstream: { user: "visitor", password: async () => "visit me" },
    });
    await using client = await scene.connect();
    expect((await client.query("select current_user as who")).rows).toEqual([{ who: "visitor" }]);
  });

  test("takes the settings that the client wants for its session", async () => {
    await using scene = await openLoginScene();
    await using client = await scene.connect(`${scene.login.url}&options=-c%20statement_timeout%3D4321`);
    expect((await client.query("show statement_timeout")).rows).toEqual([{ statement_timeout: "4321ms" }]);
  });
});
