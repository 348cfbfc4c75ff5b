import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isInstalled } from "../../support/debian.ts";
import { type KeygenOptions, makeKeyPair, runKeygen } from "../../support/ssh/key-forms.ts";
import { openSshScene, type SshScene } from "../../support/ssh/scene.ts";

const { signal } = new AbortController();
const run = promisify(execFile);

describe.skipIf(!isInstalled("sshd"))("a login at a real sshd", () => {
  let scene: SshScene;

  beforeAll(async () => {
    scene = await openSshScene();
  });
  afterAll(async () => await scene[Symbol.asyncDispose]());

  describe("logs in with", () => {
    const passphrase = "correct horse";
    const forms: readonly (readonly [string, KeygenOptions, (text: string) => string])[] = [
      ["RSA as OpenSSH writes it", { type: "rsa", bits: 2048 }, (text) => text],
      ["RSA in PEM", { type: "rsa", bits: 2048, format: "PEM" }, (text) => text],
      ["RSA in PKCS#8", { type: "rsa", bits: 2048, format: "PKCS8" }, (text) => text],
      ["RSA in PKCS#8, encrypted", { type: "rsa", bits: 2048, format: "PKCS8", passphrase }, (text) => text],
      ["ECDSA in OpenSSH's format, encrypted", { type: "ecdsa", passphrase }, (text) => text],
      [
        "ECDSA in PKCS#8 on one line",
        { type: "ecdsa", bits: 521, format: "PKCS8" },
        (text) => text.replaceAll("\n", " "),
      ],
      [
        "ECDSA in PEM on one line, encrypted",
        { type: "ecdsa", bits: 384, format: "PEM", passphrase },
        (text) => text.replaceAll("\n", " "),
      ],
      ["Ed25519 with \\n in two characters", { type: "ed25519" }, (text) => text.replaceAll("\n", String.raw`\n`)],
    ];
    test.each(forms)("%s", async (_, form, spoil) => {
      const { text, publicLine } = runKeygen(form);
      const sshd = await scene.start({ authorized: [publicLine] });
      const options = { key: { text: spoil(text), from: "SSH_PRIVATE_KEY" }, passphrase };
      await using link = await scene.through(sshd, options).connect(signal);
      expect(link.vitals().state).toBe("live");
    });

    test("Ed25519 in PKCS#8, which ssh-keygen does not write", async () => {
      const { privateKey } = makeKeyPair("ed25519");
      const text = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      const file = join(scene.folder, "pkcs8");
      await writeFile(file, text, { mode: 0o600 });
      const { x = "" } = privateKey.export({ format: "jwk" });
      const blob = Buffer.concat([Buffer.from("\0\0\0\u{B}ssh-ed25519\0\0\0 ", "latin1"), Buffer.from(x, "base64url")]);
      const sshd = await scene.start({ authorized: [`ssh-ed25519 ${blob.toString("base64")}`] });
      await using link = await scene.through(sshd, { key: { file } }).connect(signal);
      expect(link.vitals().state).toBe("live");
    });
  });

  test("a key file that others may read is refused with the command that mends it", async () => {
    const file = join(scene.folder, "it's a key");
    await writeFile(file, scene.key.text, { mode: 0o640 });
    const sshd = await scene.start();
    const refused: unknown = await scene
      .through(sshd, { key: { file } })
      .connect(signal)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "ssh.key-permissions", message: expect.stringContaining("mode 640") });
    await run("sh", ["-c", (refused as { hint: string }).hint.replace("Run: ", "")]);
    await using link = await scene.through(sshd, { key: { file } }).connect(signal);
    expect(link.vitals().state).toBe("live");
  });

  test("a key file that is not there, or a folder, is named", async () => {
    const sshd = await scene.start();
    const missing = join(scene.folder, "nowhere");
    await expect(scene.through(sshd, { key: { file: missing } }).connect(signal)).rejects.toMatchObject({
      code: "ssh.key-missing",
      message: `There is no private key ${missing}.`,
    });
    await expect(scene.through(sshd, { key: { file: scene.folder } }).connect(signal)).rejects.toMatchObject({
      code: "ssh.key-missing",
      message: expect.stringContaining("is a folder"),
    });
  });

  test("a key that the server does not know is ssh.auth", async () => {
    const stranger = runKeygen({ type: "ed25519" });
    const sshd = await scene.start();
    await expect(
      scene.through(sshd, { key: { text: stranger.text, from: "the test's key" } }).connect(signal),
    ).rejects.toMatchObject({
      code: "ssh.auth",
      message: expect.stringMatching(/none of the keys of .* It takes: publickey/u),
    });
    await expect.poll(() => sshd.open).toBe(0);
  });

  test("a changed host key is refused with the line, and the line's removal lets us in", async () => {
    const sshd = await scene.start();
    const file = join(scene.folder, "changed");
    const other = runKeygen({ type: "ecdsa" });
    await writeFile(file, `# one\n[127.0.0.1]:${sshd.port} ${other.publicLine}\n`);
    const transport = scene.through(sshd, { knownHostsFile: file, acceptNew: true });
    await expect(transport.connect(signal)).rejects.toMatchObject({
      code: "ssh.host-key-changed",
      message: expect.stringContaining(`${file}:2`),
    });
    await run("ssh-keygen", ["-R", `[127.0.0.1]:${sshd.port}`, "-f", file]);
    await using link = await transport.connect(signal);
    expect(link.vitals().state).toBe("live");
    expect(await readFile(file, "utf8")).toBe(`# one\n${sshd.knownHostsLine.trim()}\n`);
  });

  test("a server with several keys shows the one that is known", async () => {
    const rsa = runKeygen({ type: "rsa", bits: 2048 });
    const file = join(scene.folder, "host_rsa");
    await writeFile(file, rsa.text, { mode: 0o600 });
    const sshd = await scene.start({ settings: [`HostKey ${file}`] });
    const known = join(scene.folder, "known_rsa");
    await writeFile(known, `[127.0.0.1]:${sshd.port} ${rsa.publicLine}\n`);
    await using link = await scene.through(sshd, { knownHostsFile: known }).connect(signal);
    expect(link.vitals().state).toBe("live");
  });
});
