import { randomBytes } from "node:crypto";

/** A public key of this type, as far as known_hosts cares: nobody has its private half. */
export function makePublicKey(type = "ssh-ed25519"): Buffer {
  return Buffer.concat([part(Buffer.from(type)), part(randomBytes(32))]);
}

/** As the files have it. */
export function publicKeyField(key: Buffer): string {
  return `${key.subarray(4, 4 + key.readUInt32BE(0)).toString()} ${key.toString("base64")}`;
}

function part(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
}
