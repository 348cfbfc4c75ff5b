import { keyTypeOf } from "./known-hosts.ts";

/** The key of a public key's file ("ssh-ed25519 AAAA… comment"), as the agent names it; undefined for anything else. */
export function findPublicKey(text: string): Buffer | undefined {
  const [type, base64] = text.trim().split(/\s+/u, 2);
  if (type === undefined || base64 === undefined || !base64.startsWith("AAAA")) return undefined;
  const key = Buffer.from(base64, "base64");
  return keyTypeOf(key) === type ? key : undefined;
}
