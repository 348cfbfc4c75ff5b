import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, realpath, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { readProcessFacts } from "#lib/base/process-facts.ts";
import { startPostgresServer } from "#lib/local/postgres/server.ts";
import { clientOf, makeDataDir, query } from "../support/local-postgres.ts";
import { createTestDatabase, sharedServer, startTestServer } from "../support/postgres.ts";
import { hasEnded } from "../support/process-tree.ts";
import { type Program, startProgram } from "../support/program.ts";
import { waitFor } from "../support/wait-for.ts";

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === "linux";
const repository = join(import.meta.dirname, "../..");
const fixture = "test/support/fixtures/hold-postgres.ts";

describe("who gets in", () => {
  test("a client that verifies the certificate in full, over TLS 1.3", async () => {
    await using database = await createTestDatabase();
    const rows = await query(
      { connectionString: database.url() },
      "select s.version, a.ssl from pg_stat_ssl a, lateral (select a.version) s where pid = pg_backend_pid()",
    );
    expect(rows).toEqual([{ version: "TLSv1.3", ssl: true }]);
  });

  test("no client without TLS", async () => {
    const { host, port, superuser: user, password } = sharedServer();
    const attempt = query({ host, port, user, password, database: "postgres", ssl: false }, "select 1");
    await expect(attempt).rejects.toMatchObject({ code: "28000", message: expect.stringContaining("no encryption") });
  });

  test("no client with a wrong password", async () => {
    const { host, port, superuser: user, caPem: ca } = sharedServer();
    const attempt = query({ host, port, user, password: "wrong", database: "postgres", ssl: { ca } }, "select 1");
    await expect(attempt).rejects.toMatchObject({ code: "28P01" });
  });

  test("a server without TLS takes plain connections, for those who ask for one", async () => {
    await using server = await startTestServer({ tls: "off", version: 16 });
    await using database = await createTestDatabase(server);
    const rows = await query({ connectionString: database.url() }, "show server_version_num");
    expect(rows[0]).toMatchObject({ server_version_num: expect.stringMatching(/^16/u) });
  });
});

describe("what the system sees", () => {
  test.runIf(isLinux)("the server never runs as root, nor with root's groups", async () => {
    await using server = await startTestServer();
    const status = await readFile(`/proc/${server.pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t[1-9]\d*\t[1-9]\d*\t/mu);
    // Who is not root keeps the groups that are theirs anyway.
    const groups = /^Groups:[ \t]*(.*?)[ \t]*$/mu.exec(status)?.[1];
    expect(isRoot ? groups : "").toBe("");
  });

  test("no process shows the password, and nobody else may read the files that hold secrets", async () => {
    await using server = await startTestServer();
    const { stdout } = await promisify(execFile)("ps", ["-eo", "command"]).catch(() => ({ stdout: "" }));
    expect(stdout).not.toContain(server.password);
    const files = ["superuser-password", "ca.key", "server/server.key", "server/cluster"];
    const modes = await Promise.all(files.map(async (file) => (await stat(join(server.dataDir, file))).mode & 0o077));
    expect(modes).toEqual([0, 0, 0, 0]);
    const left = await readdir(join(server.dataDir, "server"));
    expect(left.filter((name) => name.startsWith("password"))).toEqual([]);
  });

  test("a failed statement's text, which may hold a password, is not in the log", async () => {
    const log: string[] = [];
    const dataDir = await makeDataDir();
    await using server = await startPostgresServer({
      dataDir,
      port: 0,
      durable: false,
      onLog: (line) => log.push(line),
    });
    const attempt = query(clientOf(server), "create role postgres password 'my-secret'");
    await expect(attempt).rejects.toMatchObject({ code: "42710" });
    await server.stop();
    expect(log.join("\n")).toContain("already exists");
    expect(log.join("\n")).not.toContain("my-secret");
  });
});

describe("between starts", () => {
  test("data, password and certificates stay", async () => {
    const dataDir = await makeDataDir();
    const first = await startPostgresServer({ dataDir, port: 0 });
    await query(clientOf(first), "create table kept as select 42 as answer");
    await first.stop();
    await using second = await startPostgresServer({ dataDir, port: 0 });
    expect(second).toMatchObject({ password: first.password, caPem: first.caPem, created: false });
    expect(await query(clientOf(second), "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("a new name in the certificate keeps the authority that clients trust", async () => {
    const dataDir = await makeDataDir();
    const first = await startPostgresServer({ dataDir, port: 0, durable: false });
    await first.stop();
    await using second = await startPostgresServer({ dataDir, port: 0, durable: false, names: ["db.example"] });
    const { ca } = { ca: first.caPem };
    expect(await query({ ...clientOf(second), ssl: { ca, servername: "db.example" } }, "select 1 as one")).toHaveLength(
      1,
    );
  });

  test("a client that stays connected does not hold up the stop", async () => {
    await using server = await startTestServer();
    const client = new Client({ ...clientOf(server) });
    client.on("error", () => {});
    await client.connect();
    const busy = client.query("select pg_sleep(60)").catch((error: unknown) => error);
    await server.stop();
    expect(await busy).toBeInstanceOf(Error);
    await client.end().catch(() => {});
  });
});

describe("when it is killed", () => {
  test("kill -9 of the owner stops the server within 5 s", async () => {
    const dataDir = await makeDataDir();
    await using owner = startProgram(fixture, [dataDir], { cwd: repository });
    const { pid } = await held(owner);
    await owner.end("SIGKILL");
    await waitFor(`process ${pid} ends`, async () => hasEnded({ pid }));
    await expect(stat(join(dataDir, "server", "cluster", "postmaster.pid"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("kill -9 of the warden stops the server while the owner lives on", async () => {
    await using server = await startTestServer();
    const warden = (await readProcessFacts(server.pid))?.parentPid ?? 0;
    expect((await readProcessFacts(warden))?.command).toContain("warden.ts");
    process.kill(warden, "SIGKILL");
    await waitFor(`process ${server.pid} ends`, async () => hasEnded(server));
  });

  test("kill -9 of owner and warden leaves a server that the next start stops, with all its data", async () => {
    const dataDir = await makeDataDir();
    await using owner = startProgram(fixture, [dataDir], { cwd: repository });
    const { pid, port, password } = await held(owner);
    const caPem = await readFile(join(dataDir, "ca.pem"), "utf8");
    await query(clientOf({ port, password, caPem }), "create table kept as select 42 as answer");
    const warden = (await readProcessFacts(pid))?.parentPid ?? 0;
    process.kill(owner.pid, "SIGSTOP"); // or it would stop the server itself
    process.kill(warden, "SIGKILL");
    await owner.end("SIGKILL");
    expect(await hasEnded({ pid })).toBe(false);

    await using next = await startPostgresServer({ dataDir, port, durable: false });
    expect(await hasEnded({ pid })).toBe(true);
    expect(await query(clientOf(next), "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("a postmaster.pid that names a stranger's process does not keep the server from starting", async () => {
    const dataDir = await makeDataDir();
    const first = await startPostgresServer({ dataDir, port: 0, durable: false });
    await first.stop();
    const stranger = startProgram("-e", ["setInterval(() => {}, 1000)"]);
    onTestFinished(async () => stranger[Symbol.asyncDispose]());
    const cluster = await realpath(join(dataDir, "server", "cluster"));
    await writeFile(join(cluster, "postmaster.pid"), `${stranger.pid}\n${cluster}\n`);
    await using second = await startPostgresServer({ dataDir, port: 0, durable: false });
    expect(await hasEnded(stranger)).toBe(false);
    expect(await query(clientOf(second), "select 1 as one")).toHaveLength(1);
  });

  test("a cluster that was half made is made again", async () => {
    const dataDir = await makeDataDir();
    await using owner = startProgram(fixture, [dataDir], { cwd: repository });
    const names = async () => readdir(join(dataDir, "server")).catch(() => []);
    await waitFor("initdb begins", async () => (await names()).some((name) => name.startsWith("cluster.")));
    await owner.end("SIGKILL");
    expect(await names()).not.toContain("cluster");

    await using server = await startPostgresServer({ dataDir, port: 0, durable: false });
    expect(server.created).toBe(true);
    expect(new Set(await names())).toEqual(new Set(["cluster", "pg_hba.conf", "server.key", "server.pem"]));
  });
});

describe("what is refused", () => {
  test("data of another major version, which stays as it is", async () => {
    const dataDir = await makeDataDir();
    const old = await startPostgresServer({ dataDir, port: 0, durable: false, version: 16 });
    await old.stop();
    await expect(startPostgresServer({ dataDir, port: 0 })).rejects.toMatchObject({
      code: "data.wrong-version",
      message: expect.stringMatching(/of PostgreSQL 16, not of PostgreSQL 18/u),
    });
    await using again = await startPostgresServer({ dataDir, port: 0, durable: false, version: 16 });
    expect(again.password).toBe(old.password);
  });

  test("a folder that cannot be written", async () => {
    const folder = await makeDataDir();
    await writeFile(folder, "");
    await expect(startPostgresServer({ dataDir: join(folder, "postgres"), port: 0 })).rejects.toMatchObject({
      code: "data.unwritable",
    });
  });

  test.skipIf(isRoot)("a folder without the right to write", async () => {
    const dataDir = await makeDataDir();
    await mkdir(dataDir, { mode: 0o500 });
    await expect(startPostgresServer({ dataDir, port: 0 })).rejects.toMatchObject({
      code: "data.unwritable",
      message: expect.stringContaining("permission denied"),
    });
  });

  test("a port that is taken, before anything is changed", async () => {
    const taken = createServer();
    onTestFinished(() => void taken.close());
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port));
    });
    const dataDir = await makeDataDir();
    await expect(startPostgresServer({ dataDir, port, portFlag: "--port" })).rejects.toMatchObject({
      code: "port.taken",
      message: expect.stringMatching(new RegExp(`${port}.*--port`, "u")),
    });
    await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a start that is called off leaves no process", async () => {
    const dataDir = await makeDataDir();
    const abort = new AbortController();
    const start = startPostgresServer({ dataDir, port: 0, signal: abort.signal });
    const began = async () => (await readdir(join(dataDir, "server")).catch(() => [])).length > 2;
    await Promise.all([
      expect(start).rejects.toMatchObject({ name: "AbortError" }),
      waitFor("initdb begins", began).then(() => abort.abort()),
    ]);
  });
});

async function held(owner: Program) {
  return (await owner.nextDocument()) as { pid: number; port: number; password: string };
}
