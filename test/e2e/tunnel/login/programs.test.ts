import { execFile, spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { createAuthority } from "#lib/base/certificates.ts";
import { encodeCancelRequest } from "#lib/postgres/wire/frontend.ts";
import { repositoryRoot } from "../../../support/command-line.ts";
import { isInstalled } from "../../../support/debian.ts";
import { runDrizzleKit } from "../../../support/drizzle-kit.ts";
import { makeMigrationFolder } from "../../../support/migration-folder.ts";
import { seededRandom } from "../../../support/seeded-random.ts";
import { type LoginScene, openLoginScene } from "../../../support/tunnel/login-scene.ts";
import { waitFor } from "../../../support/wait-for.ts";

const run = promisify(execFile);

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-test-"));
  onTestFinished(async () => rm(folder, { recursive: true }));
  return folder;
}

const environment = ({ login }: LoginScene) => ({ PATH: process.env["PATH"], ...login.environment });
const sum = (value: string) => createHash("sha256").update(value).digest("hex");

const isRunning = (scene: LoginScene, query: string) => async () => {
  await using client = await scene.connect();
  const { rowCount } = await client.query("select 1 from pg_stat_activity where state = 'active' and query = $1", [
    query,
  ]);
  return rowCount === 1;
};

async function tablesOf(scene: LoginScene): Promise<string[]> {
  await using client = await scene.connect();
  const { rows } = await client.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  return rows.map(({ name }) => name);
}

describe.skipIf(!isInstalled("psql"))("psql through a log-in port", () => {
  test("needs nothing but the environment, or the URL", async () => {
    await using scene = await openLoginScene();
    const env = environment(scene);
    const byEnvironment = await run(
      "psql",
      ["-XAtc", "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()"],
      { env },
    );
    expect(byEnvironment.stdout).toBe(`${scene.database.address.user}|t\n`);
    const byUrl = await run("psql", [scene.login.url, "-XAtc", "select 42"], { env: { PATH: env.PATH } });
    expect(byUrl.stdout).toBe("42\n");
  });

  test("copies 20 MB in and out unchanged", async () => {
    await using scene = await openLoginScene();
    const folder = await makeFolder();
    const rows = Array.from({ length: 20 }, (_, index) => seededRandom(index).bytes(500_000).toString("hex"));
    const content = `${rows.join("\n")}\n`;
    await writeFile(join(folder, "in.txt"), content);
    const env = environment(scene);
    await run("psql", ["-Xqc", "create table lines (line text)", "-c", "\\copy lines from in.txt"], {
      env,
      cwd: folder,
    });
    const copied = await run("psql", ["-Xqc", "\\copy lines to stdout"], { env, maxBuffer: 30_000_000 });
    expect(sum(copied.stdout)).toBe(sum(content));
  });

  test("cancels its query with Ctrl-C", async () => {
    await using scene = await openLoginScene();
    const query = "select pg_sleep(60) as psql";
    const psql = spawn("psql", ["-XAtc", query], { env: environment(scene), stdio: ["ignore", "ignore", "pipe"] });
    const [closed, errors] = [once(psql, "close"), text(psql.stderr)];
    await waitFor("the query runs", isRunning(scene, query));
    psql.kill("SIGINT");
    await closed;
    expect(await errors).toContain("canceling statement due to user request");
  });
});

/** What Node trusts besides its own roots, in a program of that environment. */
async function extraAuthorities(scene: LoginScene): Promise<readonly string[]> {
  const code = `process.stdout.write(JSON.stringify(require("node:tls").getCACertificates("extra")))`;
  const { stdout } = await run(process.execPath, ["-e", code], { env: environment(scene) });
  return (JSON.parse(stdout) as string[]).map(fingerprintOf).toSorted();
}

const fingerprintOf = (pem: string) => new X509Certificate(pem).fingerprint256;

describe("a Node program", () => {
  test("trusts what it did before, and the log-in port; libpq the log-in port alone", async () => {
    const company = (await createAuthority("a company's proxy", new Date())).certificate;
    const nodeCaFile = join(await makeFolder(), "company.pem");
    await writeFile(nodeCaFile, company);
    await using scene = await openLoginScene({ nodeCaFile });
    const own = await readFile(scene.login.caFile, "utf8");
    expect(await extraAuthorities(scene)).toEqual([fingerprintOf(own), fingerprintOf(company)].toSorted());
    expect(own.match(/BEGIN/gu)).toHaveLength(1);
    expect(scene.login.environment).toMatchObject({ PGSSLROOTCERT: scene.login.caFile });
  });

  test("trusts the log-in port where the other file is gone", async () => {
    await using scene = await openLoginScene({ nodeCaFile: join(await makeFolder(), "gone.pem") });
    expect(await extraAuthorities(scene)).toEqual([fingerprintOf(await readFile(scene.login.caFile, "utf8"))]);
  });
});

describe("a CancelRequest", () => {
  test("goes through when it names a connection of this port, and reaches nobody otherwise", async () => {
    await using scene = await openLoginScene();
    await using client = await scene.connect();
    const { processID, secretKey } = client as unknown as { readonly processID: number; readonly secretKey: number };
    const send = async (secret: number) => {
      const socket = connect(scene.login.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.write(
        encodeCancelRequest({ processId: processID, secretKey: Buffer.from(Int32Array.of(secret).buffer).swap32() }),
      );
      await new Promise((resolve) => socket.once("close", resolve));
    };
    const query = "select pg_sleep(60) as wire";
    const failure = client.query(query).catch((error: unknown) => error);
    await waitFor("the query runs", isRunning(scene, query));
    const before = scene.streams();
    await send(secretKey + 1);
    expect(scene.streams()).toBe(before);
    await send(secretKey);
    expect(scene.streams()).toBe(before + 1);
    expect(await failure).toMatchObject({ code: "57014" });
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await client.end();
    await waitFor("the connection is over", async () => {
      const open = scene.streams();
      await send(secretKey);
      return scene.streams() === open;
    });
  });
});

describe("drizzle-kit through a log-in port", () => {
  test("migrates", async () => {
    await using scene = await openLoginScene();
    await using migrations = await makeMigrationFolder();
    await migrations.write(["create table first (id integer)", "create table second (id integer)"]);
    const { exitCode, output } = await runDrizzleKit("0.31", "migrate", { dir: migrations.dir, url: scene.login.url });
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect(await tablesOf(scene)).toEqual(expect.arrayContaining(["first", "second"]));
  });

  test("pushes a schema", async () => {
    await using scene = await openLoginScene();
    const dir = await makeFolder();
    const schema = join(repositoryRoot, "migrations", "schema.ts");
    const { exitCode, output } = await runDrizzleKit("0.31", "push", { dir, url: scene.login.url, schema });
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect(await tablesOf(scene)).toContain("orders");
  });
});
