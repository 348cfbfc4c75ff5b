import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { runCommand, startCommand } from "../../support/command-line.ts";
import { isInstalled } from "../../support/debian.ts";
import { answersAt, bastions, internal, startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

const database = { ...internal, name: "postgres", instanceId: "postern-local" };
let bench: TunnelBench;
let env: Record<string, string>;
beforeAll(async () => {
  bench = await startTunnelBench({ database });
  env = { ...bench.env, POSTERN_TRANSPORT: "ssm" };
});
afterAll(async () => await bench[Symbol.asyncDispose]());

const live = () => bench.gateway.sessions().filter(({ state }) => state !== "over");

/** A tunnel in the foreground; each call waits for the next line of that event. */
function startTunnel(args: readonly string[], tunnelEnv: Readonly<Record<string, string>>) {
  const child = startCommand(["ssm-tunnel", "--json", "--port", "0", ...args], { env: tunnelEnv });
  const closed = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    until: async <Name extends TunnelEvent["event"]>(name: Name) => {
      for (;;) {
        const line = await lines.next();
        if (line.done === true) throw new Error("The tunnel has ended.");
        const event = JSON.parse(line.value) as TunnelEvent;
        if (event.event === name) return event as Extract<TunnelEvent, { event: Name }>;
      }
    },
    end: async (signal: NodeJS.Signals) => {
      child.kill(signal);
      return (await closed)[0] as number | null;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

test("a stage's tunnel goes through the bastion that is online, and ends its session with it", async () => {
  await using tunnel = startTunnel([], env);
  const { port } = await tunnel.until("listening");
  await tunnel.until("up");
  expect(await answersAt(port)).toBe(true);
  expect(live()).toMatchObject([{ target: bastions.online }]);
  expect(await tunnel.end("SIGINT")).toBe(130);
  expect(live()).toEqual([]);
});

test("a detached one ends its session when it is stopped", async () => {
  expect((await runCommand(["ssm-tunnel", "--detach"], { env })).exitCode).toBe(0);
  expect(live()).toHaveLength(1);
  expect((await runCommand(["ssm-tunnel", "stop"], { env })).exitCode).toBe(0);
  expect(live()).toEqual([]);
});

test("the contract: a target without a manifest, with AWS's own document", async () => {
  const args = ["--target", bastions.online, "--host", internal.host, "--remote-port", String(internal.port)];
  await using tunnel = startTunnel(args, bench.awsEnv);
  const { port } = await tunnel.until("listening");
  await tunnel.until("up");
  expect(await answersAt(port)).toBe(true);
  expect(await tunnel.end("SIGTERM")).toBe(143);
  expect(live()).toEqual([]);
});

test("the port stays while its bastion is replaced, and the next connection works through the other", async () => {
  await using tunnel = startTunnel([], env);
  const { port } = await tunnel.until("listening");
  await tunnel.until("up");
  bench.gateway.setTarget(bastions.offline, "online");
  bench.gateway.setTarget(bastions.online, "stopped");
  bench.gateway.closeChannels("The instance is gone.");
  await tunnel.until("down");
  expect(await answersAt(port)).toBe(true);
  expect(live()).toMatchObject([{ target: bastions.offline }]);
  const isBack = async () => {
    const { json } = await runCommand(["ssm-tunnel", "status", "--json"], { env });
    const status = json() as { state: string; reconnects: number };
    return status.state === "up" && status.reconnects === 1 && !("reason" in status);
  };
  await waitFor("its status says that it is back, without a reason", isBack, 20_000);
  bench.gateway.setTarget(bastions.offline, "offline");
  bench.gateway.setTarget(bastions.online, "online");
  expect(await tunnel.end("SIGINT")).toBe(130);
});

describe("what stands in the way is named", () => {
  test("no bastion is online", async () => {
    bench.gateway.setTarget(bastions.online, "stopped");
    const { json, exitCode } = await runCommand(["psql", "--json", "--command", "select 1"], { env });
    bench.gateway.setTarget(bastions.online, "online");
    expect([exitCode, json()]).toMatchObject([
      2,
      { error: { code: "ssm.agent-offline", message: expect.stringContaining(bastions.online) } },
    ]);
  });

  test.each([
    [["--target", "i-0123456789abcdef0", "--host", internal.host, "--remote-port", "5432"], "ssm.target-missing"],
    [
      ["--target", bastions.online, "--host", "nowhere.internal", "--remote-port", "5432", "--max-retries", "0"],
      "tunnel.max-retries",
    ],
  ] as const)("%j: %s", async (args, code) => {
    const { exitCode, stdout } = await runCommand(["ssm-tunnel", "--json", "--port", "0", ...args], {
      env: bench.awsEnv,
    });
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as unknown;
    expect([exitCode, last]).toMatchObject([2, { error: { code } }]);
    expect(live()).toEqual([]);
  });

  test("you may not start a session: with the action and the resource", async () => {
    const message =
      "User: arn:aws:iam::000000000000:user/ada is not authorized to perform: ssm:StartSession on resource: arn:aws:ec2:local:000000000000:instance/i-0000000000000000b";
    bench.gateway.faults = { refuseStart: new AwsError("AccessDeniedException", message) };
    try {
      for (const verb of [["psql", "--command", "select 1"], ["ssm-tunnel"], ["ssm-tunnel", "--detach"]]) {
        const { exitCode, stdout } = await runCommand([...verb, "--json"], { env });
        const lines = stdout.trimEnd().split("\n");
        const last = JSON.parse(verb[0] === "psql" ? stdout : (lines.at(-1) ?? "")) as unknown;
        expect([exitCode, last]).toMatchObject([
          2,
          {
            error: {
              code: "aws.permission",
              message: expect.stringContaining("ssm:StartSession on resource"),
              hint: expect.any(String),
            },
          },
        ]);
      }
    } finally {
      bench.gateway.faults = {};
    }
    expect((await runCommand(["ssm-tunnel", "list", "--json"], { env })).json()).toEqual({ tunnels: [] });
  });

  test("--engine plugin without the plugin", async () => {
    const args = ["ssm-tunnel", "--json", "--engine", "plugin", "--port", "0"];
    const { exitCode, stdout } = await runCommand(args, { env: { ...env, PATH: "/nowhere" } });
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as unknown;
    expect([exitCode, last]).toMatchObject([2, { error: { code: "ssm.plugin-missing", hint: expect.any(String) } }]);
    expect(live()).toEqual([]);
  });

  test.each([
    ["nowhere.internal", "ssm.host-unresolved"],
    [internal.host, "ssm.no-answer"],
  ] as const)("%s, where nobody answers the bastion: %s", async (host, code) => {
    const args = ["--target", bastions.online, "--host", host, "--remote-port", "5432", "--max-retries", "0"];
    bench.gateway.faults = { hangingDial: true };
    const { exitCode, stdout } = await runCommand(["ssm-tunnel", "--json", "--port", "0", ...args], {
      env: bench.awsEnv,
    });
    bench.gateway.faults = {};
    const events = stdout.trimEnd().split("\n");
    const gaveUp = events.map((line) => JSON.parse(line) as TunnelEvent).find((e) => e.event === "maxRetriesExceeded");
    expect([exitCode, gaveUp]).toMatchObject([2, { reason: { code } }]);
  });

  test("the bastion is stopped", async () => {
    bench.gateway.setTarget(bastions.online, "stopped");
    const args = ["--target", bastions.online, "--host", internal.host, "--remote-port", "5432"];
    const { exitCode, stdout } = await runCommand(["ssm-tunnel", "--json", "--port", "0", ...args], {
      env: bench.awsEnv,
    });
    bench.gateway.setTarget(bastions.online, "online");
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { error: { code: string } };
    expect(exitCode).toBe(2);
    expect(last.error.code).toBe("ssm.bastion-stopped");
  });
});

describe.skipIf(!isInstalled("psql"))("psql through a session", () => {
  test("verifies the server by the name that only the bastion resolves", async () => {
    const { exitCode, stdout } = await runCommand(
      [
        "psql",
        "--command",
        "\\echo :HOST",
        "--command",
        "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
        "--",
        "-XAt",
      ],
      { env },
    );
    expect([exitCode, stdout]).toEqual([0, "db.internal\nt\n"]);
    expect(live()).toEqual([]);
  });

  test("that loses its connection says what the tunnel knows of it", async () => {
    const child = startCommand(["psql", "--", "-X", "-f", "-"], { env, input: "\\! echo ready; sleep 1\nselect 1;\n" });
    const closed = once(child, "close");
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await once(child.stdout, "data");
    bench.gateway.setTarget(bastions.online, "stopped");
    bench.gateway.closeChannels("An administrator ended it.");
    expect((await closed)[0]).toBe(2);
    bench.gateway.setTarget(bastions.online, "online");
    expect(stderr).toMatch(/^down: .* An administrator ended it\. \[ssm\.session-ended\]$/mu);
    expect(stderr).toMatch(
      /^the tunnel has no way to the database: .* \[ssm\.agent-offline\]\n.*reboot the instance/mu,
    );
  });

  test("refuses a server whose certificate is for another name", async () => {
    await using wrong = await startTunnelBench({ database: { ...database, host: "other.internal" } });
    const { exitCode, stderr } = await runCommand(["psql", "--command", "select 1"], {
      env: { ...wrong.env, POSTERN_TRANSPORT: "ssm" },
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('does not match host name "other.internal"')]);
  });

  test("a statement can be cancelled, and a large COPY arrives whole, both ways", async () => {
    const sql = "create table big as select n, md5(n::text) from generate_series(1, 50000) n";
    await bench.asSuperuser(`${sql}; grant all on big to postern_operator`);
    const out = await runCommand(["psql", "--command", "copy (select * from big order by n) to stdout", "--", "-X"], {
      env,
    });
    expect(out.stdout.split("\n")).toHaveLength(50_001);
    await bench.asSuperuser("create table big2 (like big); grant all on big2 to postern_operator");
    const back = await runCommand(["psql", "--command", "copy big2 from stdin", "--", "-X"], {
      env,
      input: out.stdout,
    });
    expect(back).toMatchObject({ exitCode: 0, stdout: "COPY 50000\n" });
    expect(await bench.asSuperuser("select count(*)::int as differ from (table big except table big2) d")).toEqual([
      { differ: 0 },
    ]);
    const timed = await runCommand(
      ["psql", "--command", "set statement_timeout = 100", "--command", "select pg_sleep(60)", "--", "-X"],
      { env },
    );
    expect([timed.exitCode, timed.stderr]).toEqual([1, expect.stringContaining("statement timeout")]);
  });
});
