import { randomBytes } from "node:crypto";

/** 32 characters of base64url: 192 random bits, and no character that a URL or a shell would want escaped. */
export function generatePassword(): string {
  return randomBytes(24).toString("base64url");
}
