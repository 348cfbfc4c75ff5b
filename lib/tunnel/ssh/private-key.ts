import { createPrivateKey, createPublicKey, type KeyObject, randomInt } from "node:crypto";
import ssh2, { type ParsedKey } from "ssh2";
import { PosternError } from "#lib/base/errors.ts";
import { findPrivateKey } from "./key-text.ts";
import { readOpenSshKey, writeEd25519Key } from "./openssh-key.ts";

export type PrivateKeyText = {
  readonly text: string;
  /** For messages: the file's name, or the variable's. */
  readonly from: string;
  /** Empty: none. */
  readonly passphrase?: string | undefined;
};

export type ReadPrivateKey =
  | { readonly kind: "key"; readonly key: ParsedKey }
  /** Encrypted, and no passphrase that opens it; the agent may have it, and knows it by its public key. */
  | { readonly kind: "locked"; readonly publicKey: Buffer | undefined; readonly reason: PosternError };

/**
 * Reads an RSA, Ed25519 or ECDSA key in OpenSSH's format, PEM (PKCS#1, SEC1) or PKCS#8, whole or with its newlines
 * lost. What ssh2 1.17 cannot read is put into a format that it can: PKCS#8 into PKCS#1 or SEC1, and Ed25519, for
 * which there is neither, into OpenSSH's. No message has any of the text.
 *
 * A passphrase of OpenSSH's format takes about a second in which nothing else happens (bcrypt in JavaScript).
 *
 * @throws PosternError ssh.key-format
 */
export function readPrivateKey({ text, from, passphrase = "" }: PrivateKeyText): ReadPrivateKey {
  const found = findPrivateKey(text);
  if (found.kind === "other") throw notReadable(from, found.seen, found.advice);
  if (found.label === "OPENSSH") return readOpenSsh(found.pem, from, passphrase);
  if (found.isEncrypted && passphrase === "")
    return { kind: "locked", publicKey: undefined, reason: noPassphrase(from) };
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: found.pem, format: "pem", passphrase });
  } catch (error) {
    if (!found.isEncrypted) throw notReadable(from, "a private key whose content cannot be read", copyAgain);
    if (isUnknownCipher(error)) throw notReadable(from, "encrypted with a cipher that is not known here", encryptAnew);
    return { kind: "locked", publicKey: undefined, reason: wrongPassphrase(from) };
  }
  return { kind: "key", key: parseForSsh2(normalise(key, from), from) };
}

function readOpenSsh(pem: string, from: string, passphrase: string): ReadPrivateKey {
  const facts = readOpenSshKey(pem);
  if (facts === undefined) throw notReadable(from, "an OpenSSH private key whose content cannot be read", copyAgain);
  if (!/^(?:ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521))$/u.test(facts.type)) {
    throw notReadable(from, describeType(facts.type), makeAnother);
  }
  const { isEncrypted, publicKey } = facts;
  if (isEncrypted && passphrase === "") return { kind: "locked", publicKey, reason: noPassphrase(from) };
  const key = ssh2.utils.parseKey(pem, passphrase);
  if (!(key instanceof Error)) return { kind: "key", key };
  if (isEncrypted && /integrity check failed|authenticate data|bad decrypt/iu.test(key.message)) {
    return { kind: "locked", publicKey, reason: wrongPassphrase(from) };
  }
  if (/^Unsupported (?:cipher|kdf)/u.test(key.message)) {
    throw notReadable(from, "encrypted with a cipher that is not known here", encryptAnew);
  }
  throw notReadable(from, "an OpenSSH private key whose content cannot be read", copyAgain);
}

/** A PEM that ssh2 reads, not encrypted: it stays in memory. */
function normalise(key: KeyObject, from: string): string {
  const type = key.asymmetricKeyType;
  if (type === "rsa") return key.export({ type: "pkcs1", format: "pem" }).toString();
  if (type === "ec") {
    if (!isSshCurve(key)) throw notReadable(from, "an ECDSA key on a curve that SSH does not have", makeAnother);
    return key.export({ type: "sec1", format: "pem" }).toString();
  }
  if (type === "ed25519") {
    const { d = "" } = key.export({ format: "jwk" });
    const { x = "" } = createPublicKey(key).export({ format: "jwk" });
    return writeEd25519Key(Buffer.from(d, "base64url"), Buffer.from(x, "base64url"), randomInt(2 ** 32));
  }
  throw notReadable(from, `a private key of type ${type}`, makeAnother);
}

function isSshCurve(key: KeyObject): boolean {
  return ["prime256v1", "secp384r1", "secp521r1"].includes(key.asymmetricKeyDetails?.namedCurve ?? "");
}

function parseForSsh2(pem: string, from: string): ParsedKey {
  const key = ssh2.utils.parseKey(pem);
  // The parser's own message may quote what it reads, so it is not passed on.
  if (key instanceof Error) throw notReadable(from, "a private key whose content cannot be read", copyAgain);
  return key;
}

const copyAgain = "Copy the whole file again, from its BEGIN line to its END line.";
const makeAnother = "Make another: ssh-keygen -t ed25519";
const encryptAnew = "Encrypt it anew: ssh-keygen -p -f KEY";

function describeType(type: string): string {
  if (type.startsWith("sk-")) return "a key of a security key (FIDO), which is not supported";
  if (type === "ssh-dss") return "a DSA key, which servers take no longer";
  return "a private key of a type that is not known here";
}

function notReadable(from: string, seen: string, advice: string | undefined): PosternError {
  const expected = "Expected an RSA, Ed25519 or ECDSA private key (OpenSSH, PEM or PKCS#8).";
  return new PosternError("ssh.key-format", `The private key ${from} cannot be used: it is ${seen}.`, {
    hint: advice === undefined ? expected : `${expected} ${advice}`,
  });
}

function noPassphrase(from: string): PosternError {
  return new PosternError("ssh.passphrase", `The private key ${from} is encrypted, and no passphrase was given.`);
}

function wrongPassphrase(from: string): PosternError {
  return new PosternError("ssh.passphrase", `The passphrase does not open the private key ${from}.`, {
    hint: "Give the key's own passphrase; `ssh-keygen -y -f KEY` tells whether it is the right one.",
  });
}

/** OpenSSL's words for an algorithm that it does not have, or has no longer; a wrong passphrase gives others. */
function isUnknownCipher(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_OSSL_EVP_UNSUPPORTED";
}
