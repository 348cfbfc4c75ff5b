import { createHash } from "node:crypto";

/**
 * The answer to an MD5 challenge: "md5", then MD5 over (MD5 over password and user, in hex) and the salt.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP AuthenticationMD5Password
 */
export function md5Answer(user: string, password: string, salt: Uint8Array): string {
  const inner = createHash("md5").update(`${password}${user}`, "utf8").digest("hex");
  return `md5${createHash("md5").update(inner, "latin1").update(salt).digest("hex")}`;
}
