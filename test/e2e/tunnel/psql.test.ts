import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { killQuietly, readProcessFacts } from "#lib/base/process-facts.ts";
import { isInstalled } from "../../support/debian.ts";
import { runCommand, startCommand } from "../../support/command-line.ts";
import { descendantsOf, hasEnded } from "../../support/process-tree.ts";
import { startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

describe.skipIf(!isInstalled("psql"))("postern psql", () => {
  let bench: TunnelBench;
  beforeAll(async () => {
    bench = await startTunnelBench();
  });
  afterAll(async () => await bench[Symbol.asyncDispose]());

  const psql = async (args: readonly string[], input?: string) =>
    await runCommand(["psql", ...args], { env: bench.env, ...(input === undefined ? {} : { input }) });
  const quiet = ["--", "-X", "-A", "-t"];

  test("logs in over verified TLS, and what psql prints is all of stdout", async () => {
    const sql = "select current_user, ssl, version from pg_stat_ssl where pid = pg_backend_pid()";
    const { exitCode, stdout, stderr } = await psql(["--command", sql, ...quiet]);
    expect([exitCode, stdout]).toEqual([0, "postern_operator|t|TLSv1.3\n"]);
    expect(stderr).toMatch(/^target: stage local .*\nas postern_operator\n$/u);
    expect(await bench.logins()).toEqual([]);
  });

  test("a CA that did not sign the server's certificate is not enough", async () => {
    const other = await startTunnelBench();
    try {
      const { exitCode, stderr } = await psql(["--ca", other.server.caFile, "--command", "select 1"]);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining("certificate verify failed")]);
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });

  test("SQL can be piped in, and psql's exit code is kept", async () => {
    expect(await psql(quiet, "select 1;\nselect 2;\n")).toMatchObject({ exitCode: 0, stdout: "1\n2\n" });
    const failed = await psql([...quiet, "-v", "ON_ERROR_STOP=1"], "select 1;\nselect nonsense;\n");
    expect(failed).toMatchObject({ exitCode: 3, stdout: "1\n" });
    expect(failed.stderr).toContain('column "nonsense" does not exist');
    expect((await psql(["--command", "select nonsense"])).exitCode).toBe(1);
    expect((await psql(["--", "--no-such-flag"])).exitCode).toBe(1);
  });

  test("COPY works both ways through the pipe", async () => {
    const out = await psql(["--command", "copy (select id, name from items order by id) to stdout", ...quiet]);
    expect(out.stdout.split("\n")).toHaveLength(101);
    await psql(["--command", "delete from items"]);
    const copied = await psql(["--command", "copy items from stdin", ...quiet], out.stdout);
    expect(copied).toMatchObject({ exitCode: 0, stdout: "COPY 100\n" });
    expect((await psql(["--command", "select count(*) from items", ...quiet])).stdout).toBe("100\n");
  });

  test("on a protected stage one reads; --write --reason writes, and the server sees why", async () => {
    const database = { host: "localhost", port: bench.server.port, name: "postgres", instanceId: "postern-local" };
    const production = await startTunnelBench({ protected: true, database });
    try {
      // The bench's own server has its roles; only the manifest is of another stage.
      const env = { ...production.env, POSTERN_CA: bench.server.caFile };
      const run = async (args: readonly string[]) => await runCommand(["psql", ...args, ...quiet], { env });
      await bench.asSuperuser(
        `alter role postern_readonly password '${production.passwords.readonly}';
         alter role postern_operator password '${production.passwords.operator}'`,
      );
      const read = await run(["--command", "select current_user", "--command", "select count(*) > 0 from items"]);
      expect(read).toMatchObject({ exitCode: 0 });
      const refused = await run(["--command", "delete from items where id = 1"]);
      expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("read-only transaction")]);
      const reason = "TICKET-42 undo order 7";
      const written = await run([
        "--write",
        "--reason",
        reason,
        "--command",
        "select current_user, current_setting('application_name')",
      ]);
      expect(written.stdout).toMatch(new RegExp(`^postern_operator\\|postern \\S+: ${reason}\\n$`, "u"));
    } finally {
      await bench.asSuperuser(
        `alter role postern_readonly password '${bench.passwords.readonly}';
         alter role postern_operator password '${bench.passwords.operator}'`,
      );
      await production[Symbol.asyncDispose]();
    }
  });

  test("through the stage's running tunnel, without one of its own", async () => {
    const { env } = bench;
    const { port } = (await runCommand(["ssm-tunnel", "--detach", "--json"], { env })).json() as { port: number };
    const { stdout, stderr } = await psql(["--command", "\\echo :PORT", ...quiet]);
    expect(stdout).toBe(`${port}\n`);
    expect(stderr).toContain(`through the tunnel on 127.0.0.1:${port}, which is up`);
    expect((await runCommand(["ssm-tunnel", "stop"], { env })).exitCode).toBe(0);
  });

  test("the password is in no argument and no variable, and its file is the user's alone", async () => {
    const child = startCommand(
      [
        "psql",
        ...quiet,
        "-c",
        "\\! echo ready; stat -c %a $PGPASSFILE $(dirname $PGPASSFILE)",
        "-c",
        "select pg_sleep(60)",
      ],
      bench,
    );
    const closed = once(child, "close");
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    await waitFor("psql is at work", () => stdout.includes("ready\n600\n700\n"), 20_000);
    const pid = child.pid ?? 0;
    const processes = [await readProcessFacts(pid), ...(await descendantsOf(pid))];
    for (const facts of processes) {
      const environment = await readFile(`/proc/${facts?.pid}/environ`, "latin1");
      for (const password of Object.values(bench.passwords)) {
        expect(facts?.command).not.toContain(password);
        expect(environment).not.toContain(password);
      }
    }
    expect(await bench.logins()).toHaveLength(1);
    child.kill("SIGTERM");
    expect(await closed).toEqual([143, null]);
    expect(await bench.logins()).toEqual([]);
    for (const facts of processes) expect(await hasEnded({ pid: facts?.pid ?? 0 })).toBe(true);
    await waitFor("the server has noticed", async () => {
      const left = await bench.asSuperuser("select from pg_stat_activity where usename like 'postern%'");
      return left.length === 0;
    });
  });

  test("SIGINT without a terminal ends it and its statement", async () => {
    const child = startCommand(["psql", ...quiet, "-c", "\\! echo ready", "-c", "select pg_sleep(60)"], bench);
    const closed = once(child, "close");
    await once(child.stdout, "data");
    const busy = async () =>
      await bench.asSuperuser("select from pg_stat_activity where usename like 'postern%' and state = 'active'");
    await waitFor("the statement runs", async () => (await busy()).length === 1, 20_000);
    child.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    await waitFor("the statement has ended", async () => (await busy()).length === 0);
    expect(await bench.logins()).toEqual([]);
  });

  test("a second signal ends it at once, and still leaves no password", async () => {
    const folder = await makeFolder();
    const stubborn = join(folder, "psql");
    await writeFile(stubborn, "#!/bin/sh\ntrap '' TERM\necho ready\nsleep 60 &\nwait; wait\n");
    await chmod(stubborn, 0o755);
    const child = startCommand(["psql", "--psql", stubborn], bench);
    const exited = once(child, "exit");
    await once(child.stdout, "data");
    const children = await descendantsOf(child.pid ?? 0);
    expect(await bench.logins()).toHaveLength(1);
    child.kill("SIGTERM");
    child.kill("SIGHUP");
    expect((await exited)[0]).toBeOneOf([129, 143]);
    expect(await bench.logins()).toEqual([]);
    for (const { pid } of children) killQuietly(pid, "SIGKILL");
  });

  test("variables of the shell do not lead it elsewhere", async () => {
    const env = { ...bench.env, PGPASSWORD: "wrong", PGHOST: "nowhere", PGSSLMODE: "disable", PGSERVICE: "none" };
    const { exitCode, stdout } = await runCommand(["psql", "--command", "select 1", ...quiet], { env });
    expect([exitCode, stdout]).toEqual([0, "1\n"]);
  });

  test("a role without a secret logs in with a token for the database's own host, which fits in libpq's file", async () => {
    const folder = await makeFolder();
    const iam = await startTunnelBench({ secrets: {} });
    onTestFinished(async () => await iam[Symbol.asyncDispose]());
    // In the place of RDS, which would check the token: the server is told that it is the password, and libpq logs in with it.
    const wrapper = join(folder, "psql");
    const sql = `alter role postern_operator password`;
    await writeFile(
      wrapper,
      `#!/bin/sh
token=$(cut -d: -f5- "$PGPASSFILE" | sed 's/\\\\:/:/g')
printf '%s' "$token" > "${folder}/token"
printf "${sql} '%s'" "$token" > "${folder}/sql"
env PGUSER=${iam.server.superuser} PGPASSWORD=${iam.server.password} PGPASSFILE=/nowhere psql -XAtq -f "${folder}/sql" || exit 9
exec psql "$@"
`,
    );
    await chmod(wrapper, 0o755);
    const { exitCode, stdout, stderr } = await runCommand(
      ["psql", "--psql", wrapper, "--command", "select current_user", ...quiet],
      { env: iam.env },
    );
    expect([exitCode, stdout, stderr]).toEqual([0, "postern_operator\n", expect.anything()]);
    expect(stderr).toContain("as postern_operator, by an IAM token");
    const token = new URL(`https://${await readFile(join(folder, "token"), "utf8")}`);
    expect(token.host).toBe(`localhost:${iam.server.port}`);
    expect(token.searchParams.get("DBUser")).toBe("postern_operator");
    expect(token.href.length).toBeGreaterThan(300);
  });

  test("a service entry leads to the stage's own port, and holds no password", async () => {
    const folder = await makeFolder();
    const file = join(folder, "pg_service.conf");
    const { json } = await runCommand(["psql", "--service-file", file, "--json"], bench);
    const { port } = json() as { port: number };
    const text = await readFile(file, "utf8");
    expect(text).toContain(`[postern-local]\nhost=localhost\nhostaddr=127.0.0.1\nport=${port}\n`);
    expect(text).not.toMatch(/password/u);
    const tunnel = await runCommand(["ssm-tunnel", "--detach", "--json"], bench);
    expect(tunnel.json()).toMatchObject({ port });
    const { operator } = bench.passwords;
    const script = `PGPASSWORD=${operator} PGSERVICEFILE=${file} psql service=postern-local -XAtc 'select 1'`;
    const { stdout } = await runCommand(
      [
        "ssm-tunnel",
        "--exec",
        script,
        "--port",
        "0",
        "--host",
        "127.0.0.1",
        "--remote-port",
        String(bench.server.port),
      ],
      {
        env: { XDG_STATE_HOME: bench.env.XDG_STATE_HOME, POSTERN_TRANSPORT: "direct" },
      },
    );
    expect(stdout).toBe("1\n");
    expect((await runCommand(["ssm-tunnel", "stop"], bench)).exitCode).toBe(0);
  });
});

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-psql-"));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return folder;
}
