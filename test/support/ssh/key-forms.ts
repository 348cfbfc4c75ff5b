import { execFileSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new key pair of node:crypto's, each time another. */
export function makeKeyPair(kind: "rsa" | "ecdsa" | "ed25519"): {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
} {
  switch (kind) {
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 });
    case "ecdsa":
      return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    case "ed25519":
      return generateKeyPairSync("ed25519");
    default:
      return kind satisfies never;
  }
}

export type KeygenOptions = {
  readonly type: "rsa" | "ecdsa" | "ed25519";
  readonly bits?: number;
  readonly passphrase?: string;
  /** OpenSSH's own unless told otherwise. */
  readonly format?: "PEM" | "PKCS8";
};

/** What ssh-keygen writes: the private key's text, and the public key's line. */
export function runKeygen({ type, bits, passphrase = "", format }: KeygenOptions): {
  readonly text: string;
  readonly publicLine: string;
} {
  const folder = mkdtempSync(join(tmpdir(), "postern-key-"));
  try {
    const file = join(folder, "key");
    const size = bits === undefined ? [] : ["-b", String(bits)];
    const shape = format === undefined ? [] : ["-m", format];
    // Few rounds: the passphrase is a test's.
    execFileSync("ssh-keygen", [
      "-q",
      "-t",
      type,
      ...size,
      ...shape,
      "-a",
      "4",
      "-N",
      passphrase,
      "-C",
      "",
      "-f",
      file,
    ]);
    return { text: readFileSync(file, "utf8"), publicLine: readFileSync(`${file}.pub`, "utf8").trim() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
