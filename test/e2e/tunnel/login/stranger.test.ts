import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { readFile } from "node:fs/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { readServerReport } from "#lib/postgres/wire/fields.ts";
import { encodePassword, encodeSslRequest, encodeStartup } from "#lib/postgres/wire/frontend.ts";
import { readMessage } from "#lib/tunnel/login/read-bytes.ts";
import { type LoginScene, openLoginScene } from "../../../support/tunnel/login-scene.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

/** Whoever reaches the port without knowing its URL: another user of this machine. */
async function dial({ login }: LoginScene): Promise<Socket> {
  const socket = connect(login.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

async function dialTls(scene: LoginScene, options: { readonly ALPNProtocols?: string[] } = {}): Promise<TLSSocket> {
  const socket = await dial(scene);
  socket.write(encodeSslRequest());
  expect(String((await once(socket, "data"))[0])).toBe("S");
  const secured = connectTls({ socket, ca: await readFile(scene.login.caFile), host: "localhost", ...options });
  secured.on("error", () => {});
  await once(secured, "secureConnect");
  return secured;
}

/** The FATAL that the port answers with, as it closes. */
function fatal(bytes: Buffer) {
  expect(bytes.toString("latin1", 0, 1)).toBe("E");
  expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
  return readServerReport(bytes.subarray(5));
}

const never = new AbortController().signal;

describe("a stranger at the log-in port", () => {
  test.each([
    ["the wrong password", "guess"],
    ["no password", ""],
    ["a password that begins with the right one", undefined],
  ])("with %s is refused, and the database never hears of it", async (_, password) => {
    await using scene = await openLoginScene();
    const url = new URL(scene.login.url);
    const stream = await dialTls(scene);
    stream.write(encodeStartup({ user: scene.database.address.user, database: scene.database.name }));
    expect(await readMessage(stream, never)).toMatchObject({ letter: "R", body: Buffer.from([0, 0, 0, 3]) });
    stream.write(encodePassword(password ?? `${url.password}x`));
    const report = fatal(await buffer(stream));
    expect(report).toMatchObject({ severity: "FATAL", sqlState: "28P01" });
    expect(scene.streams()).toBe(0);
  });

  test("with the right password for another user is refused", async () => {
    await using scene = await openLoginScene();
    const url = scene.login.url.replace(`//${scene.database.address.user}:`, "//somebody:");
    await expect(scene.connect(url)).rejects.toMatchObject({ code: "28P01" });
    expect(scene.streams()).toBe(0);
  });

  test("without TLS is told so, before it could send a password", async () => {
    await using scene = await openLoginScene();
    const url = scene.login.url.replace(/\?.*/u, "?sslmode=disable");
    await expect(scene.connect(url)).rejects.toMatchObject({ code: "28000", message: expect.stringContaining("TLS") });
    expect(scene.streams()).toBe(0);
  });

  test("that asks for GSSAPI first is told that there is none, and may go on with TLS", async () => {
    await using scene = await openLoginScene();
    const socket = await dial(scene);
    const gssRequest = encodeSslRequest();
    gssRequest.writeUInt32BE(80_877_104, 4);
    socket.write(gssRequest);
    expect(String((await once(socket, "data"))[0])).toBe("N");
    socket.write(encodeSslRequest());
    expect(String((await once(socket, "data"))[0])).toBe("S");
    socket.destroy();
  });

  test("that puts bytes before TLS is not let through", async () => {
    await using scene = await openLoginScene();
    const socket = await dial(scene);
    socket.write(Buffer.concat([encodeSslRequest(), encodeStartup({ user: "postgres" })]));
    expect(await buffer(socket)).toHaveLength(0);
    expect(scene.streams()).toBe(0);
  });

  test("that begins with TLS must name the protocol", async () => {
    await using scene = await openLoginScene();
    const ca = await readFile(scene.login.caFile);
    const options = { host: "127.0.0.1", port: scene.login.port, ca };
    const named = connectTls({ ...options, ALPNProtocols: ["postgresql"] });
    await once(named, "secureConnect");
    expect(named.alpnProtocol).toBe("postgresql");
    named.destroy();
    for (const ALPNProtocols of [["http/1.1"], undefined]) {
      const other = connectTls({ ...options, ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) });
      other.on("error", () => {});
      other.resume();
      await new Promise((resolve) => other.once("close", resolve));
    }
    expect(scene.streams()).toBe(0);
  });

  test("that asks for a newer protocol is told which one is spoken here", async () => {
    await using scene = await openLoginScene();
    const stream = await dialTls(scene);
    const startup = encodeStartup({ user: scene.database.address.user, "_pq_.compression": "1" });
    startup.writeUInt32BE(0x3_00_02, 4);
    stream.write(startup);
    const { letter, body } = await readMessage(stream, never);
    expect([letter, body.toString("hex")]).toEqual([
      "v",
      `0003000000000001${Buffer.from("_pq_.compression\0").toString("hex")}`,
    ]);
    stream.write(encodePassword(new URL(scene.login.url).password));
    expect(await readMessage(stream, never)).toMatchObject({ letter: "R", body: Buffer.from([0, 0, 0, 3]) });
    expect(await readMessage(stream, never)).toMatchObject({ letter: "R", body: Buffer.alloc(4) });
    stream.destroy();
  });

  test("may send anything: the connection ends, and the port goes on", async () => {
    await using scene = await openLoginScene();
    const random = seededRandom();
    const startup = encodeStartup({ user: "postgres" });
    for (let round = 0; round < 300; round += 1) {
      const bytes = random.fraction() < 0.5 ? random.bytes(random.below(40) + 1) : Buffer.from(startup);
      for (let places = random.below(3); places >= 0; places -= 1)
        bytes[random.below(bytes.length)] = random.below(256);
      const socket = await dial(scene);
      socket.end(bytes);
      socket.resume();
      await new Promise((resolve) => socket.once("close", resolve));
    }
    expect(scene.streams()).toBe(0);
    await using client = await scene.connect();
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });
});
