import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text as readText } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DoctorReport } from "#lib/protocol.ts";
import { repositoryRoot, runCommand, startCommand } from "../../support/command-line.ts";
import { startPortServer } from "../../support/port-server.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { hasTerminals, startAtTerminal } from "../../support/terminal.ts";
import { waitFor } from "../../support/wait-for.ts";

const cli = join(repositoryRoot, "scripts", "cli.ts");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-report-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** One at which nothing listens. */
async function freePort(): Promise<number> {
  await using server = await startPortServer();
  return server.port;
}

const urlOf = (port: number) => `postgres://ann@127.0.0.1:${port}/app`;

async function examine(...args: readonly string[]) {
  return await runCommand(["doctor", "--url", urlOf(await freePort()), ...args]);
}

describe("--html", () => {
  test("writes a page for this user alone, and writes over its own", async () => {
    const file = join(folder, "report.html");
    expect(await examine("--html", file)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("tcp.refused"),
      stderr: expect.stringContaining(`report: ${file}`),
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const first = await readFile(file, "utf8");
    expect(first).toContain("The host is there, and nothing listens on that port.");
    expect((await examine("--html", file)).exitCode).toBe(1);
    expect(await readFile(file, "utf8")).not.toBe(first);
    expect(await readdir(folder)).toEqual(["report.html"]);
  });

  test("writes over nobody's notes, unless it is told to", async () => {
    const file = join(folder, "notes.html");
    await writeFile(file, "my notes");
    const refused = await examine("--html", file);
    expect(refused).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining("report.exists") });
    expect(refused.stderr).not.toContain("target:");
    expect(await readFile(file, "utf8")).toBe("my notes");
    await examine("--html", file, "--force");
    expect(await readFile(file, "utf8")).toContain("<!doctype html>");
  });

  test("an empty file and one behind a link are written", async () => {
    const [file, link] = [join(folder, "empty.html"), join(folder, "link.html")];
    await writeFile(file, "");
    await symlink(file, link);
    await examine("--html", link);
    expect(await readFile(file, "utf8")).toContain("<!doctype html>");
  });

  test("what is no place for a file is refused before anything is examined", async () => {
    await mkdir(join(folder, "there"));
    await symlink(join(folder, "gone"), join(folder, "dangling"));
    for (const path of [
      "-",
      join(folder, "there"),
      join(folder, "no", "report.html"),
      join(folder, "dangling"),
      "/dev/null",
    ]) {
      const refused = await examine("--html", path);
      expect(refused).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringContaining("report.unwritable"),
      });
      expect(refused.stderr).not.toContain("target:");
    }
  });

  test.skipIf(process.getuid?.() === 0)("a folder that may not be written to is refused", async () => {
    await chmod(folder, 0o500);
    expect(await examine("--html", join(folder, "report.html"))).toMatchObject({ exitCode: 2 });
    await chmod(folder, 0o700);
  });
});

/** FATAL, with a text of its own, before TLS or anything else. */
function fatal(text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C28P01\0M${text}\0\0`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  return Buffer.concat([Buffer.from("E"), length, fields]);
}

test("a server's message shows neither password nor account, and --unmasked the account", async () => {
  const text =
    "no entry for ann with hunter2, role arn:aws:iam::123456789012:role/x, i-0123456789abcdef0 at 203.0.113.7";
  await using server = await startPortServer((socket) => socket.once("data", () => socket.end(fatal(text))));
  const file = join(folder, "report.html");
  const url = `postgres://ann:hunter2@127.0.0.1:${server.port}/app?sslmode=disable`;
  const run = async (...args: readonly string[]) => runCommand(["doctor", "--url", url, "--html", file, ...args]);

  for (const output of [(await run()).stdout, (await run("--json")).stdout]) {
    expect(output).toContain("arn:aws:iam::(account):role/x, i-0123456789abcdef0 at 203.0.113.7");
    expect(output).not.toContain("hunter2");
  }
  const page = await readFile(file, "utf8");
  expect(page).toContain("arn:aws:iam::(account):role/x, i-…def0 at (public address)");
  expect(page).not.toMatch(/hunter2|123456789012|abcdef0|203\.0/u);

  const unmasked = await run("--unmasked");
  for (const output of [unmasked.stdout, await readFile(file, "utf8")]) {
    expect(output).toContain("arn:aws:iam::123456789012:role/x, i-0123456789abcdef0 at 203.0.113.7");
    expect(output).not.toContain("hunter2");
  }
});

type WatchEvent = DoctorReport & {
  readonly event: string;
  readonly at: string;
  readonly from?: string;
  readonly to?: string;
};

test("--watch tells the first report, then each change, rewrites the page, and ends with 130", async () => {
  const port = await freePort();
  const file = join(folder, "report.html");
  const child = startCommand(["doctor", "--url", urlOf(port), "--watch", "1s", "--json", "--html", file]);
  const closed = once(child, "close");
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const events = () =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as WatchEvent);
  await waitFor("the first report", () => events().length === 1, 20_000);
  expect(events()[0]).toMatchObject({ event: "report", verdict: { code: "tcp.refused" } });

  const server = createServer((socket) => socket.on("error", () => {}).once("data", () => socket.resetAndDestroy()));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  await waitFor("a change", () => events().length === 2, 20_000);
  expect(events()[1]).toMatchObject({ event: "changed", from: "tcp.refused", to: "endpoint.reset" });
  await waitFor("the page is the changed one", async () => (await readFile(file, "utf8")).includes("endpoint.reset"));
  await waitFor("nothing is open in between", async () => (await connectionsOf(server)) === 0);

  server.close();
  await waitFor("it changes back", () => events().length === 3, 20_000);
  expect(events()[2]).toMatchObject({ event: "changed", from: "endpoint.reset", to: "tcp.refused" });
  child.kill("SIGINT");
  expect(await closed).toEqual([130, null]);
  expect(events()).toHaveLength(3);
});

test("--watch ends when its reader has left and there is something to tell", async () => {
  const port = await freePort();
  const child = startCommand(["doctor", "--url", urlOf(port), "--watch", "1s"]);
  const closed = once(child, "close");
  let told = "";
  child.stderr.on("data", (chunk: Buffer) => {
    told += chunk.toString();
  });
  await once(child.stdout, "data");
  child.stdout.destroy();

  const server = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
  expect(await closed).toEqual([141, null]);
  server.close();
  expect(told).toMatch(/^target: .*\n$/u);
});

test.runIf(existsSync("/dev/full"))("a report that cannot be printed is no defect", async () => {
  for (const json of [[], ["--json"]]) {
    const args = ["doctor", "--url", urlOf(await freePort()), ...json];
    const child = spawn("sh", ["-c", 'exec "$@" >/dev/full', "sh", process.execPath, cli, ...args], {
      cwd: repositoryRoot,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [stderr, [exitCode]] = await Promise.all([readText(child.stderr), once(child, "close")]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/error stdout cannot be written: ENOSPC.*\[output\.unwritable\]\nhint {2}Make room/u);
    expect(stderr).not.toMatch(/defect|internal|^\s+at /mu);
  }
});

async function connectionsOf(server: Server): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

test("an interval that would be an attack is refused", async () => {
  expect(await examine("--watch", "10ms")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("at least 1s"),
  });
});

test("verify is the doctor by another name, and explain has the words of other programs", async () => {
  const verified = await runCommand(["verify", "--url", urlOf(await freePort()), "--json"]);
  expect(verified.exitCode).toBe(1);
  expect(verified.json()).toMatchObject({ verdict: { code: "tcp.refused" } });
  const explained = await runCommand(["verify", "explain", "endpoint.closed"]);
  expect(explained.stdout).toContain("what psql says of it\n  server closed the connection unexpectedly");
  expect((await runCommand(["doctor", "explain", "Endpoint.CLOSED"])).stdout).toBe(explained.stdout);
});

/** What is on the screen in the end, with all that was on it before. */
async function watchTerminal(env: Readonly<Record<string, string>>): Promise<string> {
  await using server = await startPortServer(() => {});
  const url = urlOf(server.port);
  using terminal = startAtTerminal(`doctor --url '${url}'`, env);
  await terminal.closed;
  return terminal.screen();
}

describe.skipIf(!hasTerminals)("at a terminal", () => {
  test("the step that is being taken stands on its own line and goes away; what is broken is red", async () => {
    const screen = await watchTerminal({});
    expect(screen).toContain("examining · here: ssl-request");
    expect(screen.indexOf("\u001b[2K", screen.lastIndexOf("examining"))).toBeGreaterThan(-1);
    expect(screen).toContain("\u001b[31m  ✗ ssl-request");
  });

  test("NO_COLOR takes the colours, not the marks", async () => {
    const screen = await watchTerminal({ NO_COLOR: "1" });
    expect(screen).not.toContain("\u001b[31m");
    expect(screen).toContain("  ✗ ssl-request");
  });

  test("a connection that rests is what is waited for", async () => {
    await using database = await createTestDatabase();
    using terminal = startAtTerminal(`doctor --url '${database.url()}' --hold 1s`, {});
    expect(await terminal.closed).toEqual([0, null]);
    expect(terminal.screen()).toContain("examining · here: hold\r");
  });
});
