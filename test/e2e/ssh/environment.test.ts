import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { isInstalled } from "../../support/debian.ts";
import { runKeygen } from "../../support/ssh/key-forms.ts";
import { openSshScene, type SshScene } from "../../support/ssh/scene.ts";
import type { Sshd } from "../../support/ssh/sshd.ts";

describe.skipIf(!isInstalled("sshd"))("the one tunnel of a process, from the environment, through a real sshd", () => {
  let scene: SshScene;

  beforeAll(async () => {
    scene = await openSshScene();
  });
  afterEach(async () => await Tunnel.resetInstance());
  afterAll(async () => await scene[Symbol.asyncDispose]());

  function environment(sshd: Sshd, more: Readonly<Record<string, string>>): Record<string, string> {
    return {
      SSH_HOST: sshd.host,
      SSH_PORT: String(sshd.port),
      SSH_USER: sshd.user,
      SSH_KNOWN_HOSTS: sshd.knownHostsFile,
      POSTGRES_REMOTE_HOST: scene.address.host,
      POSTGRES_REMOTE_PORT: String(scene.address.port),
      ...more,
    };
  }

  async function answers(): Promise<unknown> {
    return (await scene.query(Tunnel.getInstance(), "select 1 as one")).rows;
  }

  test("a key's file", async () => {
    const sshd = await scene.start();
    const file = join(scene.folder, "env_key");
    await writeFile(file, scene.key.text, { mode: 0o600 });
    const env = environment(sshd, { SSH_KEY_PATH: file });
    const [one, two] = await Promise.all([Tunnel.initializeFromEnv({ env }), Tunnel.initializeFromEnv({ env })]);
    expect(one).toBe(two);
    expect(sshd.open).toBe(1);
    expect(await answers()).toEqual([{ one: 1 }]);
    expect(Tunnel.getInstance().status()).toMatchObject({ transport: "ssh", state: "up" });
  });

  test.each([
    ["as it is", (text: string) => text],
    ["with spaces for newlines", (text: string) => text.trim().replaceAll("\n", " ")],
    [String.raw`with \n for newlines`, (text: string) => text.replaceAll("\n", String.raw`\n`)],
    ["in base64", (text: string) => Buffer.from(text).toString("base64")],
  ])("a key in a variable, %s, which survives its connection's end", async (_, spoil) => {
    const sshd = await scene.start();
    const env = environment(sshd, { SSH_PRIVATE_KEY: spoil(scene.key.text) });
    await Tunnel.initializeFromEnv({ env });
    expect(await answers()).toEqual([{ one: 1 }]);
    sshd.cut();
    expect(await answers()).toEqual([{ one: 1 }]);
    await Tunnel.resetInstance();
    await expect.poll(() => sshd.open).toBe(0);
  });

  test("an encrypted key and its passphrase, and nothing but the code of a wrong one", async () => {
    const locked = runKeygen({ type: "ed25519", passphrase: "correct horse" });
    const sshd = await scene.start({ authorized: [locked.publicLine] });
    const env = environment(sshd, { SSH_PRIVATE_KEY: locked.text, SSH_PASSPHRASE: "wrong horse" });
    const refused: unknown = await Tunnel.initializeFromEnv({ env }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "ssh.passphrase", message: expect.stringContaining("SSH_PRIVATE_KEY") });
    expect(`${JSON.stringify(refused)}${String((refused as Error).stack)}`).not.toMatch(/wrong horse|correct horse/u);
    await Tunnel.initializeFromEnv({ env: { ...env, SSH_PASSPHRASE: "correct horse" } });
    expect(await answers()).toEqual([{ one: 1 }]);
  });
});
