/**
 * OpenSSH's own format of private keys, as far as it is needed here. Bytes inside the base64:
 *
 * | part | what |
 * |---|---|
 * | `openssh-key-v1` and a zero byte | always |
 * | string | cipher, `none` where the key is not encrypted |
 * | string, string | how the passphrase becomes a key, and its options |
 * | uint32 | number of keys: 1 |
 * | string | the public key |
 * | string | two equal random numbers, the key and its comment, 1 2 3 … up to the block's end; encrypted |
 *
 * A string is a uint32 of its length and its bytes. Pure.
 *
 * @see https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
 */
const magic = Buffer.from("openssh-key-v1\0", "latin1");
/** Of the cipher `none`. */
const blockLength = 8;

export type OpenSshKeyFacts = {
  readonly isEncrypted: boolean;
  /** "ssh-ed25519", "sk-ssh-ed25519@openssh.com" … */
  readonly type: string;
  /** As the agent and known_hosts have it; readable without the passphrase. */
  readonly publicKey: Buffer;
};

/** Undefined where the bytes are not of this format. */
export function readOpenSshKey(pem: string): OpenSshKeyFacts | undefined {
  const bytes = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/gu, ""), "base64");
  if (!bytes.subarray(0, magic.length).equals(magic)) return undefined;
  const [cipher, , , , publicKey] = readParts(bytes.subarray(magic.length));
  const type = publicKey === undefined ? undefined : readString(publicKey, 0)?.value.toString("latin1");
  if (cipher === undefined || publicKey === undefined || type === undefined) return undefined;
  return { isEncrypted: cipher.toString("latin1") !== "none", type, publicKey };
}

/** Cipher, derivation, its options, the number of keys as its four bytes, the public key. */
function readParts(bytes: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  let offset = 0;
  for (const part of ["string", "string", "string", "number", "string"] as const) {
    if (part === "number") {
      parts.push(bytes.subarray(offset, offset + 4));
      offset += 4;
      continue;
    }
    const found = readString(bytes, offset);
    if (found === undefined) break;
    parts.push(found.value);
    offset = found.end;
  }
  return parts;
}

/** The string at `offset`, and where it ends; undefined where the bytes end first. */
export function readString(
  bytes: Buffer,
  offset: number,
): { readonly value: Buffer; readonly end: number } | undefined {
  if (offset + 4 > bytes.length) return undefined;
  const end = offset + 4 + bytes.readUInt32BE(offset);
  return end > bytes.length ? undefined : { value: bytes.subarray(offset + 4, end), end };
}

/** An Ed25519 key, not encrypted: the one kind that no other format carries which ssh2 reads. */
export function writeEd25519Key(seed: Buffer, publicKey: Buffer, checkNumber: number): string {
  const type = string("ssh-ed25519");
  const check = uint32(checkNumber);
  const plain = Buffer.concat([
    check,
    check,
    type,
    string(publicKey),
    string(Buffer.concat([seed, publicKey])),
    string(""),
  ]);
  const padding = Buffer.from(
    Array.from({ length: (blockLength - (plain.length % blockLength)) % blockLength }, (_, index) => index + 1),
  );
  const bytes = Buffer.concat([
    magic,
    string("none"),
    string("none"),
    string(""),
    uint32(1),
    string(Buffer.concat([type, string(publicKey)])),
    string(Buffer.concat([plain, padding])),
  ]);
  const lines = bytes.toString("base64").match(/.{1,70}/gu) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
