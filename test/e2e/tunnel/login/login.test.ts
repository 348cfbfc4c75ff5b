import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, Socket } from "node:net";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { openTcp } from "#lib/postgres/socket.ts";
import { sharedServer } from "../../../support/postgres.ts";
import { openLoginScene } from "../../../support/tunnel/login-scene.ts";
import { waitFor } from "../../../support/wait-for.ts";

const hasText = (text: string) => expect.stringContaining(text);

describe("a log-in port", () => {
  test("logs in a client that knows its URL only, with TLS on both sides", async () => {
    await using scene = await openLoginScene();
    await using client = await scene.connect(`${scene.login.url}&application_name=a%20tool`);
    const { rows } = await client.query(
      `select current_user as who, current_database() as name, current_setting('application_name') as program,
         (select version from pg_stat_ssl where pid = pg_backend_pid()) as tls`,
    );
    expect(rows).toEqual([
      { who: scene.database.address.user, name: scene.database.name, program: "a tool", tls: "TLSv1.3" },
    ]);
    expect(scene.failures).toEqual([]);
  });

  test("has a certificate for loopback from an authority of this start, and another password at each", async () => {
    await using first = await openLoginScene();
    await using second = await openLoginScene();
    const authority = new X509Certificate(await readFile(first.login.caFile));
    expect(authority.ca).toBe(true);
    expect(authority.fingerprint256).not.toBe(new X509Certificate(await readFile(second.login.caFile)).fingerprint256);
    const passwords = [first, second].map(({ login }) => new URL(login.url).password);
    expect(passwords[0]).toMatch(/^[\w-]{32}$/u);
    expect(passwords[0]).not.toBe(passwords[1]);
    const mixed = first.login.url.replace(passwords[0] ?? "", passwords[1] ?? "");
    await expect(first.connect(mixed)).rejects.toMatchObject({ code: "28P01" });
  });

  test("lets a client choose another database of the server, and passes on that it is missing", async () => {
    await using scene = await openLoginScene();
    await using client = await scene.connect(scene.login.url.replace(scene.database.name, "postgres"));
    expect((await client.query("select current_database() as name")).rows).toEqual([{ name: "postgres" }]);
    const missing = scene.login.url.replace(scene.database.name, "no_such_database");
    await expect(scene.connect(missing)).rejects.toMatchObject({ code: "3D000", message: hasText("no_such_database") });
    expect(scene.failures).toMatchObject([{ code: "db.missing" }]);
  });

  test("asks for the database's password at each connection: a token lasts for minutes", async () => {
    let asked = 0;
    const { password } = sharedServer();
    await using scene = await openLoginScene({
      upstream: {
        password: async () => {
          asked += 1;
          return asked === 2 ? "an expired token" : password;
        },
      },
    });
    await using _first = await scene.connect();
    await expect(scene.connect()).rejects.toThrow("the database refused the tunnel's own login");
    await using _third = await scene.connect();
    expect(asked).toBe(3);
  });

  test("passes on what the server says last, and ends with it", async () => {
    await using scene = await openLoginScene();
    await using client = await scene.connect();
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    await using other = await scene.connect();
    const query = client.query("select pg_sleep(60)");
    const failure = query.catch((error: unknown) => error);
    await waitFor("the query runs", async () => {
      const { rowCount } = await other.query("select 1 from pg_stat_activity where pid = $1 and state = 'active'", [
        rows[0]?.pid,
      ]);
      return rowCount === 1;
    });
    await other.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
    expect(await failure).toMatchObject({ code: "57P01" });
  });

  test("reads no faster from the database than its client does", async () => {
    const sockets: Socket[] = [];
    const received = () => sockets[0]?.bytesRead ?? 0;
    await using scene = await openLoginScene({
      openStream: async (signal) => {
        const socket = await openTcp(sharedServer(), signal);
        sockets.push(socket);
        return socket;
      },
    });
    await using client = await scene.connect();
    const { stream } = (client as unknown as { readonly connection: { readonly stream: TLSSocket } }).connection;
    const query = client.query("select repeat('x', 1000000) from generate_series(1, 100)");
    await once(stream, "data");
    stream.pause();
    let before = -1;
    await waitFor("nothing more comes from the database", async () => {
      const now = received();
      const isQuiet = now === before;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return isQuiet;
    });
    expect(received()).toBeLessThan(50_000_000);
    stream.resume();
    expect((await query).rowCount).toBe(100);
  });

  test("leaves the database when its client is gone without a word", async () => {
    await using scene = await openLoginScene();
    const socket = new Socket();
    const client = new Client({ connectionString: scene.login.url, stream: () => socket });
    client.on("error", () => {});
    await client.connect();
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    socket.resetAndDestroy();
    await using watcher = await scene.connect();
    const isThere = async () => {
      const { rowCount } = await watcher.query("select 1 from pg_stat_activity where pid = $1", [rows[0]?.pid]);
      return rowCount === 1;
    };
    await waitFor("the server has noticed", async () => !(await isThere()));
    expect(await isThere()).toBe(false);
  });

  test("resets its client when the way to the database is lost", async () => {
    const sockets: Socket[] = [];
    await using scene = await openLoginScene({
      openStream: async (signal) => {
        const socket = await openTcp(sharedServer(), signal);
        sockets.push(socket);
        return socket;
      },
    });
    await using client = await scene.connect();
    const failure = client.query("select pg_sleep(60)").catch((error: unknown) => error);
    sockets[0]?.destroy(new PosternError("ssm.lost", "The link is gone."));
    expect(await failure).toMatchObject({ code: "ECONNRESET" });
  });

  test("is disposed at once where the way to the database hangs, too", async () => {
    let isStuck = false;
    const scene = await openLoginScene({
      openStream: async (signal) => {
        const socket = await openTcp(sharedServer(), signal);
        const stream = new Duplex({
          write: (chunk: Buffer, _, callback) => {
            if (!isStuck) socket.write(chunk, callback);
          },
          read: () => socket.resume(),
          destroy: (error, callback) => {
            socket.destroy();
            callback(error);
          },
        });
        socket.on("data", (chunk: Buffer) => {
          if (!stream.push(chunk)) socket.pause();
        });
        return stream;
      },
    });
    const client = await scene.connect();
    isStuck = true;
    const failure = client.query("select 1").catch((error: unknown) => error);
    await new Promise((resolve) => setImmediate(resolve));
    await scene[Symbol.asyncDispose]();
    expect(await failure).toBeInstanceOf(Error);
  });

  test("leaves nothing when it is disposed, whatever its clients do", async () => {
    const scene = await openLoginScene();
    const client = await scene.connect();
    const failure = client.query("select pg_sleep(60)").catch((error: unknown) => error);
    const silent = connect(scene.login.port, "127.0.0.1");
    silent.on("error", () => {});
    await once(silent, "connect");
    await scene[Symbol.asyncDispose]();
    expect(await failure).toBeInstanceOf(Error);
    const late = connect(scene.login.port, "127.0.0.1");
    await expect(once(late, "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await expect(readFile(scene.login.caFile)).rejects.toMatchObject({ code: "ENOENT" });
    silent.destroy();
  });
});
