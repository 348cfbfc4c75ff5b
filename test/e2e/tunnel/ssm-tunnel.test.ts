import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { preferredPort } from "#lib/tunnel/registry/tunnel-key.ts";
import { readProcessFacts } from "#lib/base/process-facts.ts";
import { type CommandOptions, runCommand, startCommand } from "../../support/command-line.ts";
import { hasEnded } from "../../support/process-tree.ts";
import { answersAt, startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

let bench: TunnelBench;
beforeAll(async () => {
  bench = await startTunnelBench();
});
afterAll(async () => await bench[Symbol.asyncDispose]());

type Line = TunnelEvent | { readonly event: "error"; readonly error: { readonly code: string } };

/** A tunnel in the foreground, by its lines on stdout. */
function startTunnel(args: readonly string[], options: CommandOptions = {}) {
  const child = startCommand(["ssm-tunnel", "--json", ...args], { env: bench.env, ...options });
  const closed = once(child, "close") as Promise<[number | null]>;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const next = async (): Promise<Line> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`The tunnel has ended:\n${stderr}`);
    return JSON.parse(line.value) as Line;
  };
  const until = async <Name extends TunnelEvent["event"]>(name: Name) => {
    for (;;) {
      const line = await next();
      if (line.event === name) return line as Extract<TunnelEvent, { event: Name }>;
    }
  };
  return {
    pid: child.pid ?? 0,
    next,
    until,
    stderr: () => stderr,
    end: async (signal: NodeJS.Signals) => {
      child.kill(signal);
      return (await closed)[0];
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("in the foreground each event is a line, and %s ends it with %d and nothing left", async (signal, code) => {
  await using tunnel = startTunnel(["--port", "0"]);
  const listening = await tunnel.next();
  expect(listening).toMatchObject({ event: "listening", host: "127.0.0.1", at: expect.any(String) });
  expect(await tunnel.next()).toMatchObject({ event: "up", reconnects: 0 });
  const { port } = listening as Extract<TunnelEvent, { event: "listening" }>;
  expect(await answersAt(port)).toBe(true);
  const { json } = await runCommand(["ssm-tunnel", "list", "--json"], { env: bench.env });
  expect(json()).toMatchObject({
    tunnels: [{ name: "local", kind: "stage", pid: tunnel.pid, port, isDetached: false }],
  });
  const exit = tunnel.end(signal);
  expect(await tunnel.next()).toMatchObject({ event: "closed" });
  expect(await exit).toBe(code);
  expect(await answersAt(port)).toBe(false);
  expect(await readdir(join(bench.stateFolder, "tunnels"))).toEqual([]);
  expect(tunnel.stderr()).toMatch(/^target: stage local in local, localhost:\d+\/postgres\n$/u);
});

test("whoever reads its lines and leaves ends it, and nothing is left", async () => {
  const child = startCommand(["ssm-tunnel", "--json", "--port", "0"], { env: bench.env });
  child.stdout.destroy();
  expect(await once(child, "close")).toEqual([141, null]);
  expect(await readdir(join(bench.stateFolder, "tunnels"))).toEqual([]);
});

test("no manifest is needed for a target, and no AWS for one that is reached straight", async () => {
  const { port } = bench.server;
  const env = { XDG_STATE_HOME: bench.env.XDG_STATE_HOME, POSTERN_TRANSPORT: "direct" };
  await using tunnel = startTunnel(["--host", "127.0.0.1", "--remote-port", String(port), "--port", "0"], { env });
  const listening = await tunnel.until("listening");
  await tunnel.until("up");
  expect(await answersAt(listening.port)).toBe(true);
  expect(await tunnel.end("SIGINT")).toBe(130);
});

test("without a terminal and without --json there are plain lines on stderr, and nothing on stdout", async () => {
  const child = startCommand(["ssm-tunnel", "--port", "0"], { env: bench.env });
  let stderr = "";
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  await waitFor("it is up", () => stderr.includes("up in"), 20_000);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([130, null]);
  expect(stderr).toMatch(/^target: .*\nlistening on 127\.0\.0\.1:\d+\nup in [\d.]+ m?s\nclosed\n$/u);
  expect(stdout).toBe("");
});

test("detached it goes on, is found by its stage, and is gone after stop", async () => {
  const { env } = bench;
  const started = await runCommand(["ssm-tunnel", "--detach", "--json"], { env });
  expect(started).toMatchObject({ exitCode: 0 });
  const { pid, port } = started.json() as { pid: number; port: number };
  expect(port).toBe(preferredPort("local"));
  expect(await answersAt(port)).toBe(true);
  const facts = await readProcessFacts(pid);
  expect(facts?.command).not.toContain("--detach ");

  const status = await runCommand(["ssm-tunnel", "status", "--stage", "local", "--json"], { env });
  expect([status.exitCode, status.json()]).toMatchObject([0, { pid, port, state: "up", isDetached: true }]);
  const plain = await runCommand(["ssm-tunnel", "status"], { env });
  expect(plain.stdout).toMatch(/^state +up for/mu);

  const second = await runCommand(["ssm-tunnel", "--json"], { env });
  expect([second.exitCode, second.json()]).toMatchObject([
    1,
    { error: { code: "tunnel.running", message: expect.stringContaining(`127.0.0.1:${port}`) } },
  ]);

  const stopped = await runCommand(["ssm-tunnel", "stop", "--stage", "local", "--json"], { env });
  expect([stopped.exitCode, stopped.json()]).toEqual([
    0,
    { stopped: [{ name: "local", pid, port, outcome: "stopped" }] },
  ]);
  expect(await hasEnded({ pid })).toBe(true);
  expect(await answersAt(port)).toBe(false);
  const again = await runCommand(["ssm-tunnel", "stop", "--json"], { env });
  expect([again.exitCode, again.json()]).toMatchObject([1, { error: { code: "tunnel.not-running" } }]);
});

test("of two that are detached at once one runs, and the other says so", async () => {
  const both = await Promise.all([1, 2].map(async () => runCommand(["ssm-tunnel", "--detach", "--json"], bench)));
  expect(new Set(both.map(({ exitCode }) => exitCode))).toEqual(new Set([0, 1]));
  const refused = both.find(({ exitCode }) => exitCode === 1);
  expect(refused?.json()).toMatchObject({ error: { code: "tunnel.running" } });
  const stopped = await runCommand(["ssm-tunnel", "stop", "--all"], bench);
  expect(stopped).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^local: process \d+ has ended\n$/u) });
});

test("a detached tunnel whose process was killed is no longer listed, and the next one starts", async () => {
  const { env } = bench;
  const { pid } = (await runCommand(["ssm-tunnel", "--detach", "--json"], { env })).json() as { pid: number };
  process.kill(pid, "SIGKILL");
  await waitFor("it is gone", async () => hasEnded({ pid }));
  expect((await runCommand(["ssm-tunnel", "list", "--json"], { env })).json()).toEqual({ tunnels: [] });
  expect(await runCommand(["ssm-tunnel", "--detach"], { env })).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^127\.0\.0\.1:\d+ \(process \d+; end it with `postern ssm-tunnel stop`\)\n$/u),
  });
  expect((await runCommand(["ssm-tunnel", "stop"], { env })).exitCode).toBe(0);
});

test("a detached tunnel that cannot be up fails with its reason, and leaves no process", async () => {
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const { exitCode, json } = await runCommand(["ssm-tunnel", "--detach", "--port", String(port), "--json"], bench);
  taken.close();
  expect([exitCode, json()]).toMatchObject([
    2,
    { error: { code: "port.taken", message: expect.stringContaining(`process ${process.pid}`) } },
  ]);
  expect((await runCommand(["ssm-tunnel", "list", "--json"], bench)).json()).toEqual({ tunnels: [] });
});

test("--exec runs a command that is logged in through the tunnel, and ends with its exit code", async () => {
  const program = `
    import pg from "pg";
    const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
    await client.connect();
    console.log((await client.query("select 2 as two")).rows[0].two);
    await client.end();`;
  const script = [
    'psql -XAtc "select current_user, application_name from pg_stat_activity where pid = pg_backend_pid()"',
    'psql "$DATABASE_URL" -XAtc "select 1"',
    `"${process.execPath}" --input-type=module -e '${program}'`,
    "exit 7",
  ].join("; ");
  const { exitCode, stdout } = await runCommand(["ssm-tunnel", "--exec", script, "--port", "0"], bench);
  expect([exitCode, stdout]).toEqual([7, expect.stringMatching(/^postern_operator\|postern \S+\n1\n2\n$/u)]);
  expect(await bench.logins()).toEqual([]);
});

test("--exec has a tunnel of its own, beside the stage's", async () => {
  await using tunnel = startTunnel(["--port", "0"]);
  await tunnel.until("up");
  const { exitCode, stdout } = await runCommand(["ssm-tunnel", "--exec", 'psql -XAtc "select 1"'], bench);
  expect([exitCode, stdout]).toEqual([0, "1\n"]);
  expect(await tunnel.end("SIGINT")).toBe(130);
});

test("Ctrl-C while --detach waits ends what it has started", async () => {
  const env = { XDG_STATE_HOME: bench.env.XDG_STATE_HOME, POSTERN_TRANSPORT: "direct" };
  const args = ["--host", "127.0.0.1", "--remote-port", "1", "--port", "0"];
  const child = startCommand(["ssm-tunnel", "--detach", ...args], { env });
  const closed = once(child, "close");
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  await waitFor("it tells why it is not up", () => stderr.includes("[tcp.refused]"), 20_000);
  const { tunnels } = (await runCommand(["ssm-tunnel", "list", "--json"], { env })).json() as {
    tunnels: { pid: number }[];
  };
  expect(tunnels).toHaveLength(1);
  child.kill("SIGINT");
  expect(await closed).toEqual([130, null]);
  expect(await hasEnded({ pid: tunnels[0]?.pid ?? 0 })).toBe(true);
});

test("--exec for a target says where the database is; who logs in is the user's own affair", async () => {
  const args = ["--host", "localhost", "--remote-port", String(bench.server.port), "--port", "0"];
  const login = { PGUSER: "me", PGPASSWORD: "mine", PGDATABASE: "orders", PGSSLMODE: "verify-full" };
  const elsewhere = { PGHOST: "elsewhere", PGHOSTADDR: "192.0.2.7", PGPORT: "1", PGSERVICE: "elsewhere" };
  const { stdout } = await runCommand(
    ["ssm-tunnel", "--exec", "env | grep ^PG | sort; echo ${DATABASE_URL-none}", ...args],
    {
      env: { XDG_STATE_HOME: bench.env.XDG_STATE_HOME, POSTERN_TRANSPORT: "direct", ...login, ...elsewhere },
    },
  );
  expect(stdout).not.toContain("PGPORT=1\n");
  expect(
    stdout
      .replace(/PGPORT=\d+/u, "PGPORT=N")
      .trim()
      .split("\n"),
  ).toEqual([
    "PGDATABASE=orders",
    "PGHOST=localhost",
    "PGHOSTADDR=127.0.0.1",
    "PGPASSWORD=mine",
    "PGPORT=N",
    "PGSSLMODE=verify-full",
    "PGUSER=me",
    "none",
  ]);
});

test("--login gives a URL with which any client gets in, detached as well, until it ends", async () => {
  const reason = ["--write", "--reason", "TICKET-42"];
  const started = await runCommand(["ssm-tunnel", "--login", "--detach", "--json", ...reason], bench);
  expect(started).toMatchObject({ exitCode: 0 });
  const { url, pid } = started.json() as { url: string; pid: number };
  const query = async () => {
    const client = new Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query("select current_user, current_setting('application_name') as name")).rows;
    } finally {
      await client.end();
    }
  };
  expect(await query()).toEqual([
    { current_user: "postern_operator", name: expect.stringMatching(/^postern \S+: TICKET-42$/u) },
  ]);
  const { password } = new URL(url);
  expect((await readProcessFacts(pid))?.command).not.toContain(password);
  const [record = ""] = await readdir(join(bench.stateFolder, "tunnels"));
  expect(await readFile(join(bench.stateFolder, "tunnels", record), "utf8")).not.toContain(password);
  expect((await runCommand(["ssm-tunnel", "stop"], bench)).exitCode).toBe(0);
  await expect(query()).rejects.toThrow(/ECONNREFUSED|ENOENT/u);
});

test("--login works without a state folder: its port is then any free one", async () => {
  await using tunnel = startTunnel(["--login"], { env: { ...bench.env, XDG_STATE_HOME: "/dev/null/nowhere" } });
  await tunnel.until("up");
  const line = (await tunnel.next()) as unknown as { readonly event: string; readonly url: string };
  expect(line.event).toBe("login");
  const client = new Client({ connectionString: line.url });
  await client.connect();
  expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await client.end();
  expect(tunnel.stderr()).toContain("the port cannot be remembered");
  expect(await tunnel.end("SIGINT")).toBe(130);
});

test("what is bound to more than loopback is warned about", async () => {
  await using tunnel = startTunnel(["--port", "0", "--bind", "0.0.0.0"]);
  await tunnel.until("up");
  expect(tunnel.stderr()).toContain("warning: whoever reaches 0.0.0.0");
  expect(await tunnel.end("SIGINT")).toBe(130);
});

test("with --max-retries it gives up, and the last line is the error", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  const { exitCode, stdout } = await runCommand(
    ["ssm-tunnel", "--json", "--host", "127.0.0.1", "--remote-port", String(port), "--port", "0", "--max-retries", "1"],
    { env: { XDG_STATE_HOME: bench.env.XDG_STATE_HOME, POSTERN_TRANSPORT: "direct" } },
  );
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ event }) => event)).toEqual([
    "listening",
    "reconnecting",
    "maxRetriesExceeded",
    "closed",
    undefined,
  ]);
  expect(exitCode).toBe(2);
  expect(lines.at(-1)).toMatchObject({ error: { code: "tunnel.max-retries" } });
});
