import { expect, test } from "vitest";
import { codeOfTlsError } from "#lib/doctor/judgement/code-of-end.ts";

test.each([
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "tls.version"],
  ["ERR_SSL_WRONG_SSL_VERSION", "tls.version"],
  ["ERR_SSL_DH_KEY_TOO_SMALL", "tls.no-common-cipher"],
  ["ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "tls.no-common-cipher"],
  ["ERR_SSL_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED", "tls.no-common-cipher"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "tls.corrupted"],
])("%s, which OpenSSL says of a server's handshake, is %s", (name, code) => {
  expect(codeOfTlsError(name)).toBe(code);
});
