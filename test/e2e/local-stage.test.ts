import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect as connectTcp, createServer } from "node:net";
import { join } from "node:path";
import { GetParameterCommand, SSMClient, StartSessionCommand } from "@aws-sdk/client-ssm";
import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { manifestParameterName } from "#lib/contract.ts";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { checkLocalStage } from "#lib/local/stage/check.ts";
import { disposable } from "../support/aws-endpoint.ts";
import { runCommand } from "../support/command-line.ts";
import { descendantsOf, hasEnded } from "../support/process-tree.ts";
import { type Program, startProgram } from "../support/program.ts";
import { openRawClient, readSmux, smuxFrame } from "../support/raw-session-client.ts";
import { makeDataFolder } from "../support/run-folder.ts";
import { signUpgrade } from "../support/sign-upgrade.ts";
import { waitFor } from "../support/wait-for.ts";

const repository = join(import.meta.dirname, "../..");

type Summary = {
  readonly pid: number;
  readonly healthUrl: string;
  readonly awsUrl: string;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly caFile: string;
    readonly passwordFile: string;
  };
};
type Failure = { readonly error: { readonly code: string; readonly message: string } };

describe("local --check", () => {
  test("brings everything up, works with it, and leaves nothing behind", async () => {
    const folder = await makeFolder();
    await using program = startLocal(["--check", "--json"], { TMPDIR: folder });
    const result = (await program.nextDocument()) as { ok: boolean; steps: { name: string; ok: boolean }[] };
    expect(await program.exitCode).toBe(0);
    expect(result.ok).toBe(true);
    expect(new Set(result.steps.map(({ name }) => name))).toEqual(
      new Set(["database", "bundles", "functions", "aws", "setup", "migrate", "seed", "health", "tunnel", "teardown"]),
    );
    expect(result.steps).toContainEqual(
      expect.objectContaining({ name: "tunnel", ok: true, note: expect.stringContaining("ssm") }),
    );
    expect(await program.nextLine()).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  test("names the step that failed, calls off the others, and still tears down", async () => {
    const root = await makeFolder();
    const { signal } = new AbortController();
    const { ok, steps } = await checkLocalStage({ root, requestedBy: "test", onStep: () => {}, signal });
    expect(ok).toBe(false);
    expect(steps.map((step) => [step.name, step.ok])).toEqual([
      ["bundles", false],
      ["teardown", true],
    ]);
    expect(steps[0]?.error?.code).toBeDefined();
  });
});

describe("a local stage", () => {
  test("is private, is found by a second start, and stops in order on Ctrl-C and SIGTERM", async () => {
    const dataDir = join(await makeFolder(), "local");
    await using first = startLocal(["--json", ...freePorts, "--data", dataDir]);
    const summary = (await first.nextDocument()) as Summary;
    const parts = await descendantsOf(first.pid);
    expect(parts.some(({ command }) => command.includes("postgres"))).toBe(true);
    expect(await (await fetch(summary.healthUrl)).json()).toMatchObject({ status: "ok", stage: "local" });

    // Secrets: in private files, and in no process's arguments.
    const passwords = (await readFile(summary.database.passwordFile, "utf8"))
      .trim()
      .split("\n")
      .map((line) => line.split(":")[4] ?? "");
    expect(passwords).toHaveLength(6);
    const commands = parts.map(({ command }) => command).join("\n");
    expect(passwords.filter((password) => commands.includes(password) || first.stderr().includes(password))).toEqual(
      [],
    );
    const privateFiles = [
      "run.json",
      "aws.json",
      "secrets.json",
      "pgpass",
      "functions.log",
      "postgres.log",
      "aws.log",
      "sessions.log",
      "breaks.log",
      "control.json",
    ];
    const modes = privateFiles.map(async (name) => [name, (await stat(join(dataDir, name))).mode & 0o077]);
    expect(await Promise.all(modes)).toEqual(privateFiles.map((name) => [name, 0]));

    await using second = startLocal(["--json", ...freePorts, "--data", dataDir]);
    const { error } = (await second.nextDocument()) as Failure;
    expect(await second.exitCode).toBe(1);
    expect(error).toMatchObject({ code: "stage.running", message: expect.stringContaining(String(first.pid)) });
    expect(error.message).toContain(new URL(summary.healthUrl).port);

    await query(
      summary,
      "postern_app",
      "update customers set name = 'Kept' where id = (select id from customers limit 1)",
    );
    expect(await first.end("SIGINT")).toBe(130);
    await expectNothingLeft(parts, summary);
    expect(await readdir(dataDir)).not.toContain("run.json");
    expect(await readdir(dataDir)).not.toContain("aws.json");
    expect(await readdir(dataDir)).not.toContain("control.json");

    await using third = startLocal(["--json", ...freePorts, "--data", dataDir]);
    const again = (await third.nextDocument()) as Summary;
    expect(await query(again, "postern_readonly", "select 1 from customers where name = 'Kept'")).toHaveLength(1);
    // The deployed bundle plans too, which takes PostgreSQL's parser: a file of its own beside the code.
    const last = "(select max(id) from drizzle.__drizzle_migrations)";
    await query(again, "postern_migrator", `delete from drizzle.__drizzle_migrations where id = ${last}`);
    const plan = await runCommand(["plan", "--stage", "local", "--data", dataDir, "--json"]);
    expect(plan.json()).toMatchObject({ pending: [{ tag: "0005_updated-at", statements: 5 }] });
    // And pushes, twice in one process: drizzle-kit, in a thread, from a bundle of its own.
    await query(again, "postern_migrator", "drop index shipments_order_id_idx");
    const push = async () => (await runCommand(["push", "--stage", "local", "--data", dataDir, "--json"])).json();
    expect(await push()).toMatchObject({ status: "pushed", statements: [{ executed: true }] });
    expect(await push()).toMatchObject({ status: "up-to-date", statements: [] });
    await expectSessionToDatabase(dataDir);
    const partsOfThird = await descendantsOf(third.pid);
    expect(await third.end("SIGTERM")).toBe(143);
    await expectNothingLeft(partsOfThird, again);
  });

  test("that is killed leaves no process, and the next start recovers; --fresh begins anew", async () => {
    const dataDir = join(await makeFolder(), "local");
    await using first = startLocal(["--json", ...freePorts, "--data", dataDir]);
    const summary = (await first.nextDocument()) as Summary;
    await query(
      summary,
      "postern_app",
      "update customers set name = 'Kept' where id = (select id from customers limit 1)",
    );
    const parts = await descendantsOf(first.pid);
    await first.end("SIGKILL");
    await expectNothingLeft(parts, summary);

    await mkdir(join(dataDir, ".bundles-halfMade", "runner"), { recursive: true });
    await using second = startLocal(["--json", ...freePorts, "--data", dataDir]);
    const recovered = (await second.nextDocument()) as Summary;
    expect(await query(recovered, "postern_readonly", "select 1 from customers where name = 'Kept'")).toHaveLength(1);
    expect(await readdir(dataDir)).not.toContain(".bundles-halfMade");
    await second.end("SIGKILL");

    const foreign = join(dataDir, "not-ours.txt");
    await writeFile(foreign, "stays");
    await using third = startLocal(["--json", "--fresh", ...freePorts, "--data", dataDir]);
    const fresh = (await third.nextDocument()) as Summary;
    expect(await query(fresh, "postern_readonly", "select 1 from customers where name = 'Kept'")).toEqual([]);
    expect(await readFile(foreign, "utf8")).toBe("stays");
    expect(await third.end("SIGINT")).toBe(130);
  });

  test("that is killed, its warden too, can have its ports again at once", async () => {
    const dataDir = join(await makeFolder(), "local");
    await using first = startLocal(["--json", ...freePorts, "--data", dataDir]);
    const { database } = (await first.nextDocument()) as Summary;
    const samePort = [...freePorts, "--port", String(database.port)];
    await first.end("SIGKILL"); // Its warden is stopping the server now.
    await using second = startLocal(["--json", ...samePort, "--data", dataDir]);
    expect(await second.nextDocument()).toMatchObject({ database: { port: database.port } });

    const wardens = (await descendantsOf(second.pid)).filter(({ command }) => command.includes("warden.ts"));
    process.kill(second.pid, "SIGSTOP"); // or it would stop the server itself
    for (const { pid } of wardens) process.kill(pid, "SIGKILL");
    await second.end("SIGKILL");
    expect(await isListening(database.port)).toBe(true);
    await using third = startLocal(["--json", ...samePort, "--data", dataDir]);
    expect(await third.nextDocument()).toMatchObject({ database: { port: database.port } });
    expect(await third.end("SIGINT")).toBe(130);
  });

  test("that is stopped while it starts leaves no process", async () => {
    const dataDir = join(await makeFolder(), "local");
    await using program = startLocal(["--json", ...freePorts, "--data", dataDir]);
    const server = join(dataDir, "postgres", "server");
    await waitFor("initdb begins", async () => (await readdir(server).catch(() => [])).length > 2, 10_000);
    const parts = await descendantsOf(program.pid);
    expect(parts.length).toBeGreaterThan(0);
    expect(await program.end("SIGINT")).toBe(130);
    expect(await program.nextDocument()).toMatchObject({ error: { code: "aborted" } });
    await waitFor("all parts end", async () => (await Promise.all(parts.map(hasEnded))).every(Boolean));
  });
});

test("Ctrl-C while the bundles are built, which reaches esbuild too, is no failed step", async () => {
  const dataDir = join(await makeFolder(), "local");
  const args = [join(repository, "scripts", "cli.ts"), "local", ...freePorts, "--data", dataDir];
  // A group of its own, as a shell with job control gives to each command.
  const child = spawn(process.execPath, args, { cwd: repository, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "close");
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const esbuild = async () =>
    (await descendantsOf(child.pid ?? 0)).some(({ command }) => command.includes("--service="));
  await waitFor("esbuild runs", esbuild, 10_000);
  process.kill(-(child.pid ?? 0), "SIGINT");
  expect(await ended).toEqual([130, null]);
  expect(stderr).not.toContain("✗");
});

describe("what is refused before anything is changed", () => {
  test.each([{ flag: "--port" }, { flag: "--aws-port" }, { flag: "--health-port" }])(
    "a port that is taken, by its flag $flag",
    async ({ flag }) => {
      const taken = createServer();
      onTestFinished(() => void taken.close());
      const port = await new Promise<number>((resolve) => {
        taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port));
      });
      const dataDir = join(await makeFolder(), "local");
      await using program = startLocal(["--json", ...freePorts, flag, String(port), "--data", dataDir]);
      const { error } = (await program.nextDocument()) as Failure;
      expect(await program.exitCode).toBe(2);
      expect(error.code).toBe("port.taken");
      expect(error.message).toContain(`${port} on 127.0.0.1 (${flag})`);
      await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
    },
  );

  test("a data folder that cannot be written", async () => {
    const file = join(await makeFolder(), randomUUID());
    await writeFile(file, "");
    await using program = startLocal(["--json", ...freePorts, "--data", join(file, "local")]);
    expect(await program.nextDocument()).toMatchObject({ error: { code: "data.unwritable" } });
    expect(await program.exitCode).toBe(2);
  });

  test.each([{ fresh: [] }, { fresh: ["--fresh"] }])(
    "a folder in which somebody keeps other things, started with $fresh",
    async ({ fresh }) => {
      const dataDir = await makeFolder();
      for (const name of ["bundles", "postgres"]) {
        await mkdir(join(dataDir, name));
        await writeFile(join(dataDir, name, "precious"), "");
      }
      await using program = startLocal(["--json", ...fresh, ...freePorts, "--data", dataDir]);
      expect(await program.nextDocument()).toMatchObject({ error: { code: "data.unwritable" } });
      expect(await program.exitCode).toBe(2);
      const files = await readdir(dataDir, { recursive: true });
      expect(files.toSorted()).toEqual(["bundles", "bundles/precious", "postgres", "postgres/precious"]);
    },
  );

  test("one port for two parts, by both flags", async () => {
    const dataDir = join(await makeFolder(), "local");
    const ports = ["--port", "0", "--aws-port", "54329", "--health-port", "54329"];
    await using program = startLocal(["--json", ...ports, "--data", dataDir]);
    expect(await program.nextDocument()).toMatchObject({
      error: { code: "usage.invalid", message: "--aws-port and --health-port are both 54329." },
    });
    expect(await program.exitCode).toBe(2);
    await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a check without a temporary folder, by the variable that names it", async () => {
    const missing = join(await makeFolder(), "missing");
    await using program = startLocal(["--check", "--json"], { TMPDIR: missing });
    expect(await program.nextDocument()).toMatchObject({
      error: {
        code: "data.unwritable",
        message: `Cannot write to the temporary folder ${missing}: it does not exist.`,
        hint: expect.stringContaining("TMPDIR"),
      },
    });
    expect(await program.exitCode).toBe(2);
  });

  test("a port that is none", async () => {
    await using program = startLocal(["--json", "--port", "65536"]);
    expect(await program.nextDocument()).toMatchObject({ error: { code: "usage.invalid" } });
    expect(await program.exitCode).toBe(2);
  });
});

const freePorts = ["--port", "0", "--aws-port", "0", "--health-port", "0"] as const;

function startLocal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  return startProgram(join(repository, "scripts", "cli.ts"), ["local", ...args], {
    cwd: repository,
    env: { PATH: process.env["PATH"], ...env },
  });
}

async function makeFolder(): Promise<string> {
  const folder = await makeDataFolder();
  onTestFinished(async () => {
    await removePostgresData(join(folder, "local", "postgres"));
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

async function query({ database }: Summary, user: string, sql: string): Promise<unknown[]> {
  const lines = (await readFile(database.passwordFile, "utf8")).split("\n");
  const password = lines.map((line) => line.split(":")).find((fields) => fields[3] === user)?.[4];
  const ca = await readFile(database.caFile, "utf8");
  const client = new Client({ ...database, database: "postern", user, password: password ?? "", ssl: { ca } });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

async function expectNothingLeft(parts: Awaited<ReturnType<typeof descendantsOf>>, summary: Summary): Promise<void> {
  await waitFor("all parts end", async () => (await Promise.all(parts.map(hasEnded))).every(Boolean));
  const ports = [summary.database.port, Number(new URL(summary.awsUrl).port), Number(new URL(summary.healthUrl).port)];
  expect(await Promise.all(ports.map(isListening))).toEqual([false, false, false]);
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ port, host: "127.0.0.1" }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** As anybody would who has the stage's key: by the manifest, its bastion and its document. */
async function expectSessionToDatabase(dataDir: string): Promise<void> {
  const { url, region, ...credentials } = JSON.parse(await readFile(join(dataDir, "aws.json"), "utf8")) as {
    url: string;
    region: string;
    accessKeyId: string;
    secretAccessKey: string;
  };
  using ssm = disposable(new SSMClient({ endpoint: url, region, credentials }));
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: manifestParameterName("local") }));
  const { bastions, tunnel } = JSON.parse(Parameter?.Value ?? "") as {
    bastions: string[];
    tunnel: { documentName: string };
  };
  const { StreamUrl: streamUrl = "", TokenValue: tokenValue = "" } = await ssm.send(
    new StartSessionCommand({ Target: bastions[0], DocumentName: tunnel.documentName }),
  );
  const headers = signUpgrade(streamUrl, { ...credentials, region });
  await using client = await openRawClient({ streamUrl, tokenValue }, { headers });
  await client.handshake();
  // SSLRequest, which PostgreSQL answers with one byte.
  const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
  client.input(Buffer.concat([smuxFrame(0, 3), smuxFrame(2, 3, sslRequest)]));
  await waitFor("PostgreSQL's answer", () => readSmux(client.data()).data.get(3)?.toString() === "S");
}
