import { execFile } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MigrateResult, StatusResult } from "#lib/protocol.ts";
import { repositoryRoot, runCommand, startCommand } from "../support/command-line.ts";
import { createTestDatabase, startTestServer, type TestDatabase } from "../support/postgres.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-test-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("help", () => {
  test("names every verb, on stdout", async () => {
    const { exitCode, stdout, stderr } = await runCommand(["--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const verb of ["local", "setup", "plan", "migrate", "seed", "status", "health"])
      expect(stdout).toContain(verb);
  });

  test.each(["setup", "plan", "migrate", "seed", "status", "health"])(
    "of %s has flags, variables and examples",
    async (verb) => {
      const { exitCode, stdout } = await runCommand([verb, "--help"]);
      expect(exitCode).toBe(0);
      for (const part of ["--stage", "POSTERN_STAGE", "--url", "POSTERN_JSON", "Examples:"])
        expect(stdout).toContain(part);
    },
  );

  test("the version is the package's", async () => {
    const { version } = JSON.parse(await readFile(join(repositoryRoot, "package.json"), "utf8")) as { version: string };
    expect(await runCommand(["--version"])).toMatchObject({ exitCode: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("is what a bare call gets, as an error", async () => {
    const { exitCode, stdout, stderr } = await runCommand([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain("Usage: postern");
  });

  test("the program is executable", async () => {
    const { mode } = await stat(join(repositoryRoot, "scripts", "cli.ts"));
    expect(mode & 0o111).toBe(0o111);
  });
});

const url = "postgres://me@127.0.0.1:1/app";

describe("what is typed wrong is usage.invalid, exit code 2, and one JSON document with --json", () => {
  test.each([
    { args: ["frobnicate"], message: /frobnicate/ },
    { args: ["status", "--frobnicate"], message: /--frobnicate/ },
    { args: ["status", "extra", "--url", url], message: /too many arguments/ },
    { args: ["status"], message: /--stage or --url/ },
    { args: ["status", "--stage", "dev", "--url", url], message: /not both/ },
    { args: ["status", "--stage"], message: /argument missing/ },
    { args: ["status", "--stage", "local", "--data", ""], message: /'--data <dir>' argument ''/ },
    { args: ["seed", "--url", url, "--set="], message: /'--set <name>' argument ''/ },
    { args: ["local", "--break="], message: /'--break \[name\]' argument ''/ },
    { args: ["status", "--stage", "No_Such"], message: /No_Such/ },
    { args: ["status", "--stage", "dev", "--ca", "x.pem"], message: /--ca/ },
    { args: ["seed", "--url", url], message: /--set/ },
    { args: ["migrate", "--url", url, "--approve", "all"], message: /64 digits/ },
    { args: ["migrate", "--stage", "dev", "--protected"], message: /--protected/ },
    { args: ["setup", "--url", url], message: /--passwords-file/ },
    { args: ["setup", "--stage", "dev", "--rotate", "master"], message: /master/ },
    { args: ["setup", "--url", url, "--rotate", "app"], message: /--rotate/ },
  ])("$args", async ({ args, message }) => {
    const plain = await runCommand(args);
    expect({ exitCode: plain.exitCode, stdout: plain.stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(plain.stderr).toMatch(message);
    expect(plain.stderr).not.toMatch(/^\s+at /m);

    const json = await runCommand([...args, "--json"]);
    expect(json.exitCode).toBe(2);
    expect(json.json()).toEqual({
      error: { code: "usage.invalid", message: expect.stringMatching(message), hint: expect.any(String) },
    });
  });
});

describe("the target", () => {
  test("on the command line wins over one in the environment, and is printed first", async () => {
    const { exitCode, stderr } = await runCommand(["status", "--url", url], { env: { POSTERN_STAGE: "production" } });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^target: 127\.0\.0\.1:1\/app as me, from here\n.*\[tcp\.refused\]/);
  });

  test("two in the environment contradict each other", async () => {
    const { stderr } = await runCommand(["status"], { env: { POSTERN_STAGE: "dev", POSTERN_URL: url } });
    expect(stderr).toContain("[usage.invalid]");
  });

  test("a variable that is empty is none", async () => {
    const empty = { POSTERN_STAGE: "", POSTERN_CA: "", POSTERN_DATA: "", POSTERN_LOCK_TIMEOUT: "", POSTERN_JSON: "" };
    const { stderr } = await runCommand(["migrate"], { env: { ...empty, POSTERN_URL: url } });
    expect(stderr).toMatch(/^target: 127\.0\.0\.1:1\/app as me, from here\n.*\[tcp\.refused\]/);
  });

  test("the local stage that was not started is not running", async () => {
    const { exitCode, json } = await runCommand(["status", "--stage", "local", "--data", folder, "--json"]);
    expect(exitCode).toBe(2);
    expect(json()).toMatchObject({
      error: { code: "stage.not-running", hint: expect.stringContaining("npm run local") },
    });
  });

  test("the local stage that was killed is not running", async () => {
    const port = await closedPort();
    const left = { url: `http://127.0.0.1:${port}`, region: "local", accessKeyId: "id", secretAccessKey: "key" };
    await writeFile(join(folder, "aws.json"), JSON.stringify(left), { mode: 0o600 });
    const { json } = await runCommand(["status", "--stage", "local", "--json"], { env: { POSTERN_DATA: folder } });
    expect(json()).toMatchObject({ error: { code: "stage.not-running" } });
  });

  test("a stage without AWS credentials says so", async () => {
    const env = {
      AWS_REGION: "eu-central-1",
      HOME: folder,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${await closedPort()}`,
    };
    const { exitCode, json } = await runCommand(["status", "--stage", "dev", "--json"], { env });
    expect(exitCode).toBe(2);
    expect(json()).toMatchObject({ error: { code: "aws.credentials" } });
  });

  test.each(["--url", "POSTERN_URL"])("the password of %s is never repeated", async (where) => {
    const secret = "hunter2-%2F";
    const withPassword = `postgres://me:${secret}@127.0.0.1:1/app`;
    const results = await Promise.all(
      [[], ["--json"]].map(async (flags) =>
        where === "--url"
          ? await runCommand(["status", ...flags, "--url", withPassword])
          : await runCommand(["status", ...flags], { env: { POSTERN_URL: withPassword } }),
      ),
    );
    for (const { exitCode, stdout, stderr } of results) {
      expect(exitCode).toBe(2);
      expect(stdout + stderr).not.toContain("hunter2");
      expect(stdout + stderr).toContain("tcp.refused");
    }
  });
});

describe("against a real database", () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    await database[Symbol.asyncDispose]();
  });

  test("migrate, status, seed and health do their work and say it as documented", async () => {
    const env = { POSTERN_URL: database.url(), POSTERN_JSON: "1" };

    const before = await runCommand(["status"], { env });
    expect(before.exitCode).toBe(0);
    const { pending } = before.json() as StatusResult;
    expect(before.json()).toEqual({ applied: [], pending: expect.any(Array), findings: [] });

    const unhealthy = await runCommand(["health"], { env });
    expect(unhealthy.exitCode).toBe(1);
    expect(unhealthy.json()).toMatchObject({ status: "degraded", migrations: { applied: 0, pending: pending.length } });

    const migrated = await runCommand(["migrate"], { env });
    expect(migrated.exitCode).toBe(0);
    expect(migrated.json()).toEqual({
      status: "applied",
      applied: pending,
      pending: [],
      runId: expect.any(String),
      ms: expect.any(Number),
      after: { fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/), findings: [] },
    });
    expect(migrated.stderr.split("\n").filter((line) => line.startsWith("applied "))).toHaveLength(pending.length);

    const again = await runCommand(["migrate"], { env });
    expect(again.exitCode).toBe(0);
    expect(again.json()).toMatchObject({ status: "up-to-date", applied: [], pending: [] });

    const seeded = await runCommand(["seed", "--set", "reference"], { env });
    expect(seeded.exitCode).toBe(0);
    expect(seeded.json()).toMatchObject({ set: "reference", tables: expect.any(Array) });

    const healthy = await runCommand(["health"], { env });
    expect(healthy.exitCode).toBe(0);
    expect(healthy.json()).toMatchObject({
      status: "ok",
      database: { ok: true, tls: "TLSv1.3", connection: "direct" },
      migrations: { applied: pending.length, pending: 0 },
    });
  });

  test("people get text without colours when stdout is no terminal", async () => {
    const { exitCode, stdout } = await runCommand(["migrate", "--url", database.url()]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^applied: \d+ applied, 0 pending in \d+ ms/m);
    // oxlint-disable-next-line no-control-regex -- the escape is what must not be there
    expect(stdout).not.toMatch(/\u001B/);
  });

  test("a history that contradicts the folder is refused with exit code 1, and status tells why", async () => {
    const dir = join(folder, "migrations");
    await cp(join(repositoryRoot, "migrations"), dir, { recursive: true });
    const env = { POSTERN_URL: database.url(), POSTERN_DIR: dir, POSTERN_JSON: "1" };
    const { applied } = (await runCommand(["migrate"], { env })).json() as MigrateResult;
    await writeFile(join(dir, `${applied[0]}.sql`), "select 1;\n");

    const refused = await runCommand(["migrate"], { env });
    expect(refused.exitCode).toBe(1);
    expect(refused.json()).toMatchObject({ status: "refused", error: { code: "history.edited" } });

    const status = await runCommand(["status"], { env });
    expect(status.exitCode).toBe(1);
    expect(status.json()).toMatchObject({ findings: [{ code: "history.edited", tag: applied[0] }] });
  });

  test("a migration that fails ends with exit code 2 and its SQLSTATE", async () => {
    const dir = join(folder, "migrations");
    await cp(join(repositoryRoot, "migrations"), dir, { recursive: true });
    const { pending } = (
      await runCommand(["status", "--json", "--url", database.url(), "--dir", dir])
    ).json() as StatusResult;
    await writeFile(join(dir, `${pending[1]}.sql`), "select nothing_of_the_kind();\n");
    const failed = await runCommand(["migrate", "--json", "--url", database.url(), "--dir", dir]);
    expect(failed.exitCode).toBe(2);
    expect(failed.json()).toMatchObject({
      status: "failed",
      applied: [pending[0]],
      error: { code: "migrate.failed", sqlState: "42883" },
    });
  });

  test("the password may come from PGPASSWORD or PGPASSFILE, with the CA from --ca", async () => {
    const { host, port, database: name, user, password = "" } = database.address;
    const args = ["status", "--url", `postgres://${user}@${host}:${port}/${name}`, "--ca", database.caFile];
    expect(await runCommand(args, { env: { PGPASSWORD: password } })).toMatchObject({ exitCode: 0 });

    const file = join(folder, "pgpass");
    await writeFile(file, `${host}:*:${name}:*:${password}\n`, { mode: 0o600 });
    expect(await runCommand(args, { env: { PGPASSFILE: file } })).toMatchObject({ exitCode: 0 });

    const without = await runCommand([...args, "--json"]);
    expect(without.json()).toMatchObject({ error: { code: "auth.rejected" } });
  });

  test("a wrong password is rejected by name of the cause", async () => {
    const login = { user: database.address.user, password: "hunter2" };
    const { exitCode, stdout, stderr, json } = await runCommand(["health", "--json", "--url", database.url(login)]);
    expect(exitCode).toBe(1);
    expect(json()).toMatchObject({ status: "down", database: { ok: false, reason: "auth.rejected" } });
    expect(stdout + stderr).not.toContain("hunter2");
  });

  test("a reader that closes stdout early causes no stack", async () => {
    const script = `"$0" "$1" status --json --url "$2" | true; echo "\${PIPESTATUS[0]}"`;
    const cli = join(repositoryRoot, "scripts", "cli.ts");
    const bash = ["-c", script, process.execPath, cli, database.url()];
    const { stdout, stderr } = await promisify(execFile)("bash", bash, { cwd: repositoryRoot });
    expect(stdout.trim()).toBe("0");
    expect(stderr).not.toMatch(/EPIPE|Error|^\s+at /m);
  });
});

describe("setup on a server", () => {
  test("keeps the passwords in a file, prints none, and may be repeated", async () => {
    await using server = await startTestServer();
    await using database = await createTestDatabase(server);
    const file = join(folder, "roles.pgpass");
    const args = ["setup", "--json", "--passwords-file", file];
    const env = { POSTERN_URL: database.url() };
    const first = await runCommand(args, { env });
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.json()).toMatchObject({
      roles: expect.arrayContaining([{ role: "postern_migrator", created: true, login: "password" }]),
    });

    const { host, port, name } = { ...database.address, name: database.name };
    const asMigrator = `postgres://postern_migrator@${host}:${port}/${name}`;
    const login = { env: { PGPASSFILE: file, POSTERN_CA: database.caFile } };
    const migrated = await runCommand(["migrate", "--url", asMigrator], login);
    expect(migrated).toMatchObject({ exitCode: 0 });

    const second = await runCommand(args, { env });
    expect(second.json()).toMatchObject({
      roles: expect.arrayContaining([{ role: "postern_migrator", created: false, login: "password" }]),
    });
    expect(await runCommand(["status", "--url", asMigrator], login)).toMatchObject({ exitCode: 0 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    // Somebody else's file knows no passwords: the roles that are in use keep theirs, unless that is asked for.
    const other = ["setup", "--json", "--passwords-file", join(folder, "other.pgpass")];
    const refused = await runCommand(other, { env });
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.json()).toMatchObject({ error: { code: "setup.would-reset" } });
    expect(await runCommand(["status", "--url", asMigrator], login)).toMatchObject({ exitCode: 0 });
    expect(await runCommand([...other, "--reset-passwords"], { env })).toMatchObject({ exitCode: 0 });
    expect((await runCommand(["status", "--url", asMigrator, "--json"], login)).json()).toMatchObject({
      error: { code: "auth.rejected" },
    });
  });
});

describe("signals", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends a command that waits, with exit code %i and no stack", async (signal, expected) => {
    const sockets = new AsyncDisposableStack();
    const server = createServer((socket) => {
      socket.on("error", () => {});
      sockets.defer(() => void socket.destroy());
    });
    sockets.defer(() => void server.close());
    await using _ = sockets;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;

    const child = startCommand(["status", "--json", "--url", `postgres://me@127.0.0.1:${port}/app`]);
    const ended = once(child, "close");
    const output: string[] = [];
    child.stdout.on("data", (chunk) => output.push(String(chunk)));
    child.stderr.on("data", (chunk) => output.push(String(chunk)));
    await once(server, "connection");
    child.kill(signal);
    expect((await ended)[0]).toBe(expected);
    expect(output.join("")).toContain('"aborted"');
    expect(output.join("")).not.toMatch(/^\s+at /m);
  });
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
