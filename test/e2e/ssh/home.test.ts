import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isInstalled } from "../../support/debian.ts";
import { runKeygen } from "../../support/ssh/key-forms.ts";
import { hostBlock, openSshScene, type SshScene } from "../../support/ssh/scene.ts";

const { signal } = new AbortController();

describe.skipIf(!isInstalled("sshd"))("what is found in ~/.ssh alone", () => {
  let scene: SshScene;

  beforeAll(async () => {
    scene = await openSshScene();
  });
  afterAll(async () => await scene[Symbol.asyncDispose]());

  test("an alias, its key and the known hosts are found", async () => {
    const sshd = await scene.start();
    const home = await scene.makeHome({
      config: hostBlock("bastion", sshd, "IdentityFile ~/.ssh/mine"),
      mine: scene.key.text,
      known_hosts: await readFile(sshd.knownHostsFile, "utf8"),
    });
    expect(await scene.ask(scene.fromHome(home, "bastion"))).toEqual({ ok: true, ssl: true });
  });

  test("a default key is found without a configuration's help", async () => {
    const sshd = await scene.start();
    const home = await scene.makeHome({
      id_ed25519: scene.key.text,
      known_hosts: await readFile(sshd.knownHostsFile, "utf8"),
    });
    const transport = scene.fromHome(home, sshd.host, {}, sshd.port);
    expect(await scene.ask(transport)).toEqual({ ok: true, ssl: true });
  });

  test("without any key it says where it looked", async () => {
    const sshd = await scene.start();
    const home = await scene.makeHome({ config: hostBlock("bastion", sshd) });
    await expect(scene.fromHome(home, "bastion").connect(signal)).rejects.toMatchObject({
      code: "ssh.key-missing",
      message: expect.stringMatching(/no agent runs .*id_ed25519/u),
    });
  });

  test("ProxyJump goes through a server whose own forwarding is the way, and takes the link with it", async () => {
    const gateKey = runKeygen({ type: "ecdsa" });
    const gate = await scene.start({ authorized: [gateKey.publicLine] });
    const bastion = await scene.start();
    const home = await scene.makeHome({
      config: [
        hostBlock("gate", gate, "IdentityFile ~/.ssh/gate"),
        hostBlock("bastion", bastion, "IdentityFile ~/.ssh/mine", "ProxyJump gate"),
      ].join("\n"),
      gate: gateKey.text,
      mine: scene.key.text,
      known_hosts: `${gate.knownHostsLine}\n${bastion.knownHostsLine}\n`,
    });
    expect(await scene.ask(scene.fromHome(home, "bastion"))).toEqual({ ok: true, ssl: true });
    await expect.poll(() => gate.open + bastion.open).toBe(0);

    await using link = await scene.fromHome(home, "bastion").connect(signal);
    expect([gate.open, bastion.open]).toEqual([1, 1]);
    gate.cut();
    expect(await link.ended).toMatchObject({ code: "ssh.lost", message: expect.stringContaining(String(gate.port)) });
    await expect.poll(() => gate.open + bastion.open).toBe(0);
  });

  test("a jump that reaches no second server says so, and leaves nothing", async () => {
    const gate = await scene.start();
    const home = await scene.makeHome({
      config: [hostBlock("gate", gate), "Host bastion\n  HostName 127.0.0.1\n  Port 1\n  ProxyJump gate\n"].join("\n"),
      id_ed25519: scene.key.text,
      known_hosts: gate.knownHostsLine,
    });
    await expect(scene.fromHome(home, "bastion").connect(signal)).rejects.toMatchObject({
      code: "ssh.refused",
      message: expect.stringContaining("the next SSH server at 127.0.0.1:1"),
    });
    await expect.poll(() => gate.open).toBe(0);
  });
});
