import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { PosternError } from "#lib/base/errors.ts";

/** PostgreSQL's own default (`scram_iterations`). */
const iterations = 4096;
const saltBytes = 16;

/**
 * What PostgreSQL stores instead of a password: `SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY` (RFC 5802, RFC 7677).
 * Computed here, so that no statement, and therefore no server log, ever holds the password itself.
 *
 * 1. SaltedPassword = PBKDF2-HMAC-SHA-256(password, salt, 4096)
 * 2. StoredKey = SHA-256(HMAC(SaltedPassword, "Client Key"))
 * 3. ServerKey = HMAC(SaltedPassword, "Server Key")
 *
 * @throws PosternError `secret.invalid` for a password outside printable ASCII: others would need SASLprep (RFC 4013),
 * and RDS refuses them anyway
 */
export async function createScramVerifier(password: string, salt: Buffer = randomBytes(saltBytes)): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(password)) {
    throw new PosternError("secret.invalid", "A database password is empty or holds more than printable ASCII.", {
      hint: "Put a password of printable ASCII characters into the secret.",
    });
  }
  const salted = await derive(password, salt, iterations, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest("base64");
  const serverKey = hmac(salted, "Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

const derive = promisify(pbkdf2);

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
