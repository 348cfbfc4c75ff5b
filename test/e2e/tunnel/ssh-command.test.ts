import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../support/command-line.ts";
import { isInstalled } from "../../support/debian.ts";
import { runKeygen } from "../../support/ssh/key-forms.ts";
import { type Sshd, startSshd } from "../../support/ssh/sshd.ts";
import { startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";

describe.skipIf(!isInstalled("sshd") || !isInstalled("psql"))("--transport ssh", () => {
  const key = runKeygen({ type: "ed25519" });
  const locked = runKeygen({ type: "ed25519", passphrase: "open sesame" });
  let bench: TunnelBench;
  let sshd: Sshd;
  let env: Record<string, string>;
  const file = (name: string) => join(sshd.folder, name);
  beforeAll(async () => {
    [bench, sshd] = await Promise.all([
      startTunnelBench(),
      startSshd({ authorized: [key.publicLine, locked.publicLine] }),
    ]);
    await writeFile(file("id"), key.text, { mode: 0o600 });
    await writeFile(file("locked"), locked.text, { mode: 0o600 });
    await writeFile(file("garbage"), "no key", { mode: 0o600 });
    await mkdir(file("home"));
    env = {
      ...bench.env,
      HOME: file("home"),
      SSH_AUTH_SOCK: "",
      POSTERN_TRANSPORT: "ssh",
      POSTERN_SSH_HOST: sshd.host,
      POSTERN_SSH_PORT: String(sshd.port),
      POSTERN_SSH_USER: sshd.user,
      POSTERN_SSH_KNOWN_HOSTS: sshd.knownHostsFile,
    };
  });
  afterAll(async () => {
    await sshd[Symbol.asyncDispose]();
    await bench[Symbol.asyncDispose]();
  });

  const psql = async (more: Readonly<Record<string, string>>, args: readonly string[] = []) =>
    await runCommand(["psql", "--command", "select 1", ...args, "--", "-XAt"], { env: { ...env, ...more } });

  test("psql goes through an SSH server, with a key's file", async () => {
    expect(await psql({}, ["--ssh-key", file("id")])).toMatchObject({ exitCode: 0, stdout: "1\n" });
  });

  test("with a key in a variable that has lost its newlines, and a passphrase in another", async () => {
    const text = locked.text.replaceAll("\n", String.raw`\n`);
    const secrets = { POSTERN_SSH_KEY_TEXT: text, POSTERN_SSH_PASSPHRASE: "open sesame" };
    expect(await psql(secrets)).toMatchObject({ exitCode: 0, stdout: "1\n" });
  });

  test.each([
    ["ssh.host-key-unknown", {}, ["--ssh-known-hosts", "/dev/null"]],
    ["ssh.passphrase", { POSTERN_SSH_PASSPHRASE: "wrong" }, ["--ssh-key", "locked"]],
    ["ssh.key-permissions", {}, ["--ssh-key", "known_hosts"]],
    ["ssh.key-format", {}, ["--ssh-key", "garbage"]],
    ["ssh.key-missing", {}, ["--ssh-key", "nothing"]],
  ] as const)("%s ends it at once, with what to do", async (code, secrets, [flag, value]) => {
    const args = [
      flag,
      value.startsWith("/") ? value : file(value),
      ...(flag === "--ssh-key" ? [] : ["--ssh-key", file("id")]),
    ];
    const { exitCode, stderr, stdout } = await psql(secrets, args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`[${code}]`);
    expect(stderr).toMatch(/^hint {2}\S/mu);
    expect(stderr).not.toContain("sesame");
  });
});
