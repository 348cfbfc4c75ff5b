import { execFile } from "node:child_process";
import { chmod, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { isInstalled } from "../../support/debian.ts";
import { type Agent, startAgent } from "../../support/ssh/agent.ts";
import { runKeygen } from "../../support/ssh/key-forms.ts";
import { hostBlock, openSshScene, type SshScene } from "../../support/ssh/scene.ts";
import type { Sshd } from "../../support/ssh/sshd.ts";

const { signal } = new AbortController();
const run = promisify(execFile);
const user = userInfo().username;

describe.skipIf(!isInstalled("sshd"))("keys of a real agent, at a real sshd", () => {
  let scene: SshScene;

  beforeAll(async () => {
    scene = await openSshScene();
  });
  afterAll(async () => await scene[Symbol.asyncDispose]());

  test("its keys are used", async () => {
    const sshd = await scene.start();
    const agent = await agentWith(scene.key.text);
    const home = await homeFor(scene, sshd);
    expect(await scene.ask(scene.fromHome(home, "bastion", agent.env))).toEqual({ ok: true, ssl: true });
  });

  test("an RSA key of it signs with SHA-2", async () => {
    const rsa = runKeygen({ type: "rsa", bits: 2048 });
    const sshd = await scene.start({ authorized: [rsa.publicLine] });
    const agent = await agentWith(rsa.text);
    expect(await scene.ask(scene.fromHome(await homeFor(scene, sshd), "bastion", agent.env))).toEqual({
      ok: true,
      ssl: true,
    });
  });

  test("a full agent is refused by the server, and the key that the config names comes first", async () => {
    const strangers = Array.from({ length: 8 }, () => runKeygen({ type: "ed25519" }).text);
    const sshd = await scene.start();
    const agent = await agentWith(...strangers, scene.key.text);
    await expect(
      scene.fromHome(await homeFor(scene, sshd), "bastion", agent.env).connect(signal),
    ).rejects.toMatchObject({
      code: "ssh.auth",
      hint: expect.stringContaining("IdentitiesOnly"),
    });
    // As people with a password manager have it: only the public key is a file.
    const home = await homeFor(scene, sshd, { "mine.pub": scene.key.publicLine }, "IdentityFile ~/.ssh/mine.pub");
    await chmod(join(home, ".ssh/mine.pub"), 0o644);
    expect(await scene.ask(scene.fromHome(home, "bastion", agent.env))).toEqual({ ok: true, ssl: true });
  });

  test("an encrypted key without a passphrase is opened by the agent that holds it", async () => {
    const locked = runKeygen({ type: "ed25519", passphrase: "correct horse" });
    const open = await openWithPassphrase(scene, locked.text, "correct horse");
    const sshd = await scene.start({ authorized: [locked.publicLine] });
    const given = { key: { text: locked.text, from: "SSH_PRIVATE_KEY" } };
    await expect(scene.through(sshd, given).connect(signal)).rejects.toMatchObject({ code: "ssh.passphrase" });
    const empty = await agentWith();
    const place = { home: scene.folder, user, env: empty.env };
    await expect(scene.through(sshd, { ...given, place }).connect(signal)).rejects.toMatchObject({
      code: "ssh.passphrase",
    });
    const agent = await agentWith(open, runKeygen({ type: "ed25519" }).text);
    await using link = await scene.through(sshd, { ...given, place: { ...place, env: agent.env } }).connect(signal);
    expect(link.vitals().state).toBe("live");
  });

  test("an agent that is gone is said where nothing else opens the door", async () => {
    const sshd = await scene.start();
    const env = { SSH_AUTH_SOCK: join(scene.folder, "gone.sock") };
    await expect(scene.fromHome(await homeFor(scene, sshd), "bastion", env).connect(signal)).rejects.toMatchObject({
      code: "ssh.key-missing",
      message: expect.stringContaining("gone.sock does not answer"),
    });
    const home = await homeFor(scene, sshd, { id_ed25519: scene.key.text });
    expect(await scene.ask(scene.fromHome(home, "bastion", env))).toEqual({ ok: true, ssl: true });
  });
});

async function agentWith(...keys: readonly string[]): Promise<Agent> {
  const agent = await startAgent(keys);
  onTestFinished(async () => await agent[Symbol.asyncDispose]());
  return agent;
}

async function homeFor(
  scene: SshScene,
  sshd: Sshd,
  files: Readonly<Record<string, string>> = {},
  ...lines: readonly string[]
): Promise<string> {
  return scene.makeHome({ config: hostBlock("bastion", sshd, ...lines), known_hosts: sshd.knownHostsLine, ...files });
}

/** The same key, not encrypted, as ssh-keygen makes it. */
async function openWithPassphrase(scene: SshScene, text: string, passphrase: string): Promise<string> {
  const file = join(await scene.makeHome({ key: text }), ".ssh/key");
  await run("ssh-keygen", ["-p", "-P", passphrase, "-N", "", "-f", file]);
  return readFile(file, "utf8");
}
