import { generateKeyPairSync, type KeyObject, randomBytes, verify } from "node:crypto";
import type { ParsedKey } from "ssh2";
import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { readPrivateKey } from "#lib/tunnel/ssh/private-key.ts";
import { isInstalled } from "../../../support/debian.ts";
import { type KeygenOptions, makeKeyPair, runKeygen } from "../../../support/ssh/key-forms.ts";

const from = "SSH_PRIVATE_KEY";
const passphrase = "correct horse";

function read(text: string, secret?: string): ParsedKey {
  const found = readPrivateKey({ text, from, passphrase: secret });
  if (found.kind === "locked") throw found.reason;
  return found.key;
}

function failure(text: string, secret?: string): PosternError {
  try {
    read(text, secret);
  } catch (error) {
    if (error instanceof PosternError) return error;
    throw error;
  }
  throw new Error("Expected it to fail.");
}

/** What only the private key of this public one can have signed. */
function isPairOf(key: ParsedKey, publicKey: KeyObject): boolean {
  const data = randomBytes(32);
  const hash = key.type === "ssh-ed25519" ? null : "sha256";
  const signature = key.sign(data, hash ?? undefined);
  return verify(hash, data, publicKey, signature);
}

const pemForms = [
  ["rsa", "pkcs1"],
  ["rsa", "pkcs8"],
  ["ecdsa", "sec1"],
  ["ecdsa", "pkcs8"],
  ["ed25519", "pkcs8"],
] as const;

describe.each(pemForms)("an %s key in the form %s", (kind, type) => {
  const { privateKey, publicKey } = makeKeyPair(kind);
  const pem = privateKey.export({ type, format: "pem" } as never).toString();
  const encrypted = privateKey.export({ type, format: "pem", cipher: "aes-256-cbc", passphrase } as never);

  test("signs what its public key verifies", () => {
    expect(isPairOf(read(pem), publicKey)).toBe(true);
  });

  test.each(lostNewlines())("is read with its newlines turned into %s", (_, spoil) => {
    expect(isPairOf(read(spoil(pem)), publicKey)).toBe(true);
  });

  test("is opened with its passphrase, also with its newlines lost", () => {
    expect(isPairOf(read(encrypted.toString(), passphrase), publicKey)).toBe(true);
    for (const [, spoil] of lostNewlines())
      expect(isPairOf(read(spoil(encrypted.toString()), passphrase), publicKey)).toBe(true);
  });

  test("tells a missing passphrase from a wrong one", () => {
    expect(failure(encrypted.toString())).toMatchObject({
      code: "ssh.passphrase",
      message: expect.stringContaining("no passphrase was given"),
    });
    // A wrong one decrypts to garbage that looks well padded once in 256 times: none of them may pass for a broken key.
    for (let index = 0; index < 400; index += 1) {
      expect(failure(encrypted.toString(), `wrong ${index}`)).toMatchObject({
        code: "ssh.passphrase",
        message: expect.stringContaining("does not open"),
      });
    }
  });
});

function lostNewlines(): readonly (readonly [string, (text: string) => string])[] {
  return [
    ["spaces", (text) => text.trim().replaceAll("\n", " ")],
    [String.raw`\n in two characters`, (text) => text.replaceAll("\n", String.raw`\n`)],
    [String.raw`\r\n in four characters`, (text) => text.replaceAll("\n", String.raw`\r\n`)],
    [String.raw`\\n, escaped twice`, (text) => text.replaceAll("\n", String.raw`\\n`)],
    ["carriage returns and newlines", (text) => text.replaceAll("\n", "\r\n")],
    ["carriage returns", (text) => text.replaceAll("\n", "\r")],
    ["nothing at all", (text) => text.replaceAll("\n", "")],
    ["nothing, and no spaces either", (text) => text.replaceAll(/\s/gu, "")],
    ["quotes around the whole, with spaces", (text) => `"${text.trim().replaceAll("\n", " ")}"`],
    ["base64 of the whole", (text) => Buffer.from(text).toString("base64")],
    ["indented lines", (text) => text.replaceAll(/^/gmu, "    ")],
    ["text before and behind it", (text) => `Bag Attributes\n  friendlyName: x\n${text}\n# end\n`],
  ];
}

describe.skipIf(!isInstalled("ssh-keygen"))("what ssh-keygen writes", () => {
  const forms: readonly KeygenOptions[] = [
    { type: "ed25519" },
    { type: "rsa", bits: 2048 },
    { type: "ecdsa", bits: 256 },
    { type: "ecdsa", bits: 384 },
    { type: "ecdsa", bits: 521 },
    { type: "rsa", bits: 2048, format: "PEM" },
    { type: "rsa", bits: 2048, format: "PKCS8" },
    { type: "ecdsa", bits: 521, format: "PEM" },
    { type: "ecdsa", bits: 384, format: "PKCS8" },
  ];

  test.each(forms)("$type $bits $format is read, whole and with its newlines lost", (form) => {
    const { text, publicLine } = runKeygen(form);
    for (const spoil of [(whole: string) => whole, ...lostNewlines().map(([, one]) => one)]) {
      expect(publicLineOf(read(spoil(text)))).toBe(publicLine);
    }
  });

  test.each(forms)("$type $bits $format with a passphrase is opened with it alone", (form) => {
    const { text, publicLine } = runKeygen({ ...form, passphrase });
    expect(publicLineOf(read(text, passphrase))).toBe(publicLine);
    expect(publicLineOf(read(text.replaceAll("\n", " "), passphrase))).toBe(publicLine);
    expect(failure(text)).toMatchObject({ code: "ssh.passphrase", message: expect.stringContaining("was given") });
    expect(failure(text, "")).toMatchObject({ code: "ssh.passphrase", message: expect.stringContaining("was given") });
    expect(failure(text, "wrong")).toMatchObject({
      code: "ssh.passphrase",
      message: expect.stringContaining("not open"),
    });
  });

  test("an encrypted OpenSSH key without a passphrase still says which key it is", () => {
    const { text, publicLine } = runKeygen({ type: "ed25519", passphrase });
    const found = readPrivateKey({ text, from });
    expect(found.kind === "locked" && found.publicKey?.toString("base64")).toBe(publicLine.split(" ")[1]);
  });

  test.each(["rsa", "ecdsa", "ed25519"] as const)("a public key in the place of a private %s one is named", (type) => {
    expect(failure(runKeygen({ type }).publicLine)).toMatchObject({
      code: "ssh.key-format",
      message: expect.stringContaining("is a public key"),
      hint: expect.stringContaining("without .pub"),
    });
  });
});

function publicLineOf(key: ParsedKey): string {
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

describe("what is no key that SSH has", () => {
  const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
  const pem = (label: string, body = secret) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
  const cases: readonly (readonly [string, string, string])[] = [
    ["nothing", "  \n", "is empty"],
    ["words", `hunter2 ${secret}`, "no private key"],
    ["PuTTY", `PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n${secret}`, "PuTTY key"],
    ["a certificate of OpenSSH's", `ssh-ed25519-cert-v01@openssh.com AAAA${secret} me`, "OpenSSH certificate"],
    ["a public PEM", pem("PUBLIC KEY"), "a public key"],
    ["an RFC 4716 key", `---- BEGIN SSH2 PUBLIC KEY ----\n${secret}\n---- END SSH2 PUBLIC KEY ----`, "a public key"],
    ["ssh.com", `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n${secret}\n`, "ssh.com"],
    ["X.509", pem("CERTIFICATE"), "X.509 certificate"],
    ["PGP", pem("PGP PRIVATE KEY BLOCK"), "PGP key"],
    ["DSA", pem("DSA PRIVATE KEY"), "DSA key"],
    ["another label", pem("FANCY PRIVATE KEY"), "not known here"],
    ["JSON", `{"privateKey": "${secret}"}`, "JSON document"],
    ["a path", "/home/me/.ssh/id_ed25519", "the name of a file"],
    ["a path with a tilde", "~/.ssh/id_ed25519", "the name of a file"],
    ["only its beginning", `-----BEGIN RSA PRIVATE KEY-----\n${secret}`, "cut off"],
    ["only its end", `${secret}\n-----END RSA PRIVATE KEY-----`, "cut off"],
    ["foreign characters", pem("RSA PRIVATE KEY", "…"), "characters in it that no key has"],
    ["a broken body", pem("RSA PRIVATE KEY"), "content cannot be read"],
    ["a broken OpenSSH body", pem("OPENSSH PRIVATE KEY"), "content cannot be read"],
    ["binary", `\u{0}\u{1}\u{FFFD}${secret}`, "binary data"],
    ["X25519", pkcs8(generateKeyPairSync("x25519").privateKey), "type x25519"],
    ["Ed448", pkcs8(generateKeyPairSync("ed448").privateKey), "type ed448"],
    ["RSA-PSS", pkcs8(generateKeyPairSync("rsa-pss", { modulusLength: 1024 }).privateKey), "type rsa-pss"],
    ["a curve of Bitcoin's", pkcs8(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey), "curve"],
  ];

  test.each(cases)("%s is named, and not quoted", (_, text, seen) => {
    const error = failure(text);
    expect(error).toMatchObject({ code: "ssh.key-format", message: expect.stringContaining(seen) });
    expect(error.hint).toContain("Expected an RSA, Ed25519 or ECDSA private key");
    const told = `${error.message} ${error.hint} ${String(error.cause)} ${error.stack}`;
    for (const line of text.split(/\s+/u).filter((one) => one.length > 15 && !/^[-A-Z]/u.test(one))) {
      expect(told).not.toContain(line);
    }
  });

  test("a text of a million characters that could be a key is judged in no time", () => {
    const begun = performance.now();
    for (const text of ["-----BEGIN ".repeat(100_000), `-----BEGIN RSA PRIVATE KEY-----${" ".repeat(1_000_000)}`]) {
      expect(failure(text).code).toBe("ssh.key-format");
    }
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});

function pkcs8(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
