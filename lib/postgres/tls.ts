import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "./address.ts";

/**
 * What TLS is to check, by libpq's rules (https://www.postgresql.org/docs/current/libpq-ssl.html):
 *
 * | mode          | encrypted                    | chain checked   | name checked |
 * |---------------|------------------------------|-----------------|--------------|
 * | `disable`     | no                           |                 |              |
 * | `prefer`      | unless the server has no TLS | if a CA is given| no           |
 * | `require`     | yes                          | if a CA is given| no           |
 * | `verify-ca`   | yes                          | yes             | no           |
 * | `verify-full` | yes                          | yes             | yes          |
 *
 * Apart from libpq in two places. `prefer` falls back only when the server says that it has no TLS, never because a
 * handshake failed. Without a CA, `verify-full` takes Node's roots, where libpq would refuse; `verify-ca` cannot: a public
 * CA signs for anyone, so that a chain without a name proves nothing. A URL that asks for it is refused (address.ts), and
 * an address that is made otherwise has the name checked too.
 */
export function tlsOptionsFor(address: DatabaseAddress): ConnectionOptions {
  const name = verifiedName(address);
  const checksChain = address.sslMode.startsWith("verify-") || address.ca !== undefined;
  const checksName = address.sslMode === "verify-full" || address.ca === undefined;
  return {
    // `host` is what Node checks the certificate against when there is no server name, which an IP address must not be
    // (RFC 6066, section 3).
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(address.ca === undefined ? {} : { ca: [...address.ca] }),
    rejectUnauthorized: checksChain,
    checkServerIdentity: (_, certificate) => (checksName ? checkServerIdentity(name, certificate) : undefined),
    minVersion: "TLSv1.2",
  };
}

/**
 * The certificates of a PEM file.
 *
 * @throws PosternError `config.invalid` when it cannot be read, holds no certificate, or holds a broken one
 */
export async function readCaFile(path: string): Promise<readonly string[]> {
  if (path === "") throw new PosternError("config.invalid", 'The CA file "" has no name: expected a file of PEM.');
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new PosternError("config.invalid", `The CA file ${path} cannot be read (${reason}).`, { cause: error });
  });
  return parseCertificates(text, `The CA file ${path}`);
}

/** The certificates in a PEM text, each on its own; `what` begins the message when there is none. */
export function parseCertificates(pem: string, what: string): readonly string[] {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0 && /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(pem)) {
    throw new PosternError(
      "config.invalid",
      `${what} holds a private key and no certificate: expected the authority's certificate (-----BEGIN CERTIFICATE-----).`,
      { hint: "A private key is for the server alone: take it out of reach of others." },
    );
  }
  if (certificates.length === 0) {
    throw new PosternError(
      "config.invalid",
      `${what} holds no certificate: expected PEM (-----BEGIN CERTIFICATE-----).`,
    );
  }
  for (const [index, certificate] of certificates.entries()) {
    try {
      // oxlint-disable-next-line no-new -- parsing is the check
      new X509Certificate(certificate);
    } catch (error) {
      throw new PosternError("config.invalid", `${what}: certificate ${index + 1} cannot be parsed.`, { cause: error });
    }
  }
  return certificates;
}

function verifiedName(address: DatabaseAddress): string {
  return address.servername ?? address.host;
}
