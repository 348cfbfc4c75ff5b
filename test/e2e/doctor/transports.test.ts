import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DoctorReport } from "#lib/protocol.ts";
import { runCommand } from "../../support/command-line.ts";
import { isInstalled } from "../../support/debian.ts";
import { runKeygen } from "../../support/ssh/key-forms.ts";
import { startSshd } from "../../support/ssh/sshd.ts";
import { bastions, internal, startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";

let stack: AsyncDisposableStack;
let bench: TunnelBench;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  bench = stack.use(await startTunnelBench());
});
afterEach(async () => {
  await stack.disposeAsync();
});

async function doctor(args: readonly string[], env: Readonly<Record<string, string>>) {
  const ran = await runCommand(["doctor", "--json", ...args], { env });
  return { ...ran, report: ran.json() as DoctorReport };
}

async function startServer(settings: readonly string[] = []) {
  const key = runKeygen({ type: "ed25519" });
  const sshd = stack.use(await startSshd({ authorized: [key.publicLine], settings }));
  const file = join(sshd.folder, "key");
  await writeFile(file, key.text, { mode: 0o600 });
  const place = ["--ssh-host", sshd.host, "--ssh-port", String(sshd.port), "--ssh-user", sshd.user];
  const files = ["--ssh-key", file, "--ssh-known-hosts", sshd.knownHostsFile];
  return ["--transport", "ssh", ...place, ...files];
}

const namesOf = ({ probes }: DoctorReport) =>
  probes.filter(({ vantage }) => vantage === "here").map(({ name, ok }) => `${name} ${ok ? "ok" : "failed"}`);

describe.skipIf(!isInstalled("sshd"))("doctor --stage --transport ssh", () => {
  test("walks through the SSH server to the database", async () => {
    const { report } = await doctor(await startServer(), bench.env);
    expect(namesOf(report).slice(0, 3)).toEqual(["transport ok", "login ok", "tcp ok"]);
    expect(namesOf(report).at(-1)).toBe("parallel ok");
  });

  test("says that the server forbids the way, with exit code 1 and no password", async () => {
    const { report, exitCode, stdout } = await doctor(await startServer(["AllowTcpForwarding no"]), bench.env);
    expect(report.verdict).toMatchObject({ code: "ssh.forbidden", evidence: expect.stringContaining("far-end") });
    expect(exitCode).toBe(1);
    expect(stdout).not.toContain(bench.passwords.readonly);
  });
});

describe("doctor --target", () => {
  const place = ["--transport", "ssm", "--host", internal.host, "--remote-port", String(internal.port)];
  const through = (id: string) => ["--target", id, ...place, "--ca", bench.server.caFile];

  test("walks as PGUSER through the bastion to a query", async () => {
    const login = { PGUSER: "postern_readonly", PGPASSWORD: bench.passwords.readonly, PGDATABASE: "postgres" };
    const { report, exitCode } = await doctor(through(bastions.online), { ...bench.awsEnv, ...login });
    expect([report.verdict.code, exitCode]).toEqual(["ok", 0]);
    expect(namesOf(report).at(-1)).toBe("parallel ok");
  });

  test("goes as far as the certificate without a login, and says so", async () => {
    const { report } = await doctor(through(bastions.online), bench.awsEnv);
    expect(namesOf(report).at(-1)).toBe("certificate ok");
    expect(report.verdict).toMatchObject({ code: "ok", summary: expect.stringContaining("as far as the certificate") });
  });

  test("names a bastion whose agent is away", async () => {
    const { report, exitCode } = await doctor(through(bastions.offline), bench.awsEnv);
    expect([report.verdict.code, exitCode]).toEqual(["ssm.agent-offline", 1]);
  });

  test.each([
    [["--stage", "dev", "--target", "i-1"], "--stage says where the database is"],
    [["--target", "i-1", "--url", "postgres://ann@db/app"], "expected no other target"],
    [["--host", "db.internal", "--remote-port", "5432"], "--target"],
    [["--target", "i-1", "--host", "db.internal", "--remote-port", "5432", "--hold", "1s"], "--hold goes with --url"],
    [["--url", "postgres://ann@db/app", "--transport", "ssh", "--ssh-host", "b"], "--transport goes with"],
  ])("%j is refused", async (args, message) => {
    const { exitCode, json } = await runCommand(["doctor", "--json", ...args], {});
    expect(exitCode).toBe(2);
    expect(json()).toMatchObject({ error: { code: "usage.invalid", message: expect.stringContaining(message) } });
  });
});
