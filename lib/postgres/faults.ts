import type { ErrorCode } from "#lib/base/errors.ts";

/**
 * The one table of what can go wrong between here and PostgreSQL: keyed by errno, by the `code` of Node's TLS errors
 * and by SQLSTATE. `retry` is true where the same attempt may succeed a moment later and where repeating it is
 * harmless: nothing was executed (connecting), or the server rolled the whole transaction back.
 *
 * SQLSTATE names: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export type Fault = {
  readonly code: ErrorCode;
  readonly retry: boolean;
  /** Replaces the raw text, where that says less. */
  readonly meaning?: string;
};

const faults: Readonly<Record<string, Fault>> = {
  // Names
  ENOTFOUND: { code: "dns.not-found", retry: false, meaning: "the host name does not exist" },
  EAI_AGAIN: { code: "dns.not-found", retry: true, meaning: "the name server did not answer" },

  // TCP. A refusal is what a server that restarts looks like. ETIMEDOUT has already waited for minutes.
  ECONNREFUSED: { code: "tcp.refused", retry: true, meaning: "the connection was refused" },
  ETIMEDOUT: { code: "tcp.timeout", retry: false, meaning: "there was no answer" },
  EHOSTUNREACH: { code: "tcp.unreachable", retry: false, meaning: "the host cannot be reached" },
  ENETUNREACH: { code: "tcp.unreachable", retry: false, meaning: "the network cannot be reached" },
  EADDRNOTAVAIL: { code: "tcp.unreachable", retry: false, meaning: "this machine has no address of that kind" },
  ECONNRESET: { code: "endpoint.closed", retry: true, meaning: "the connection was reset" },
  EPIPE: { code: "endpoint.closed", retry: true, meaning: "the connection was closed" },

  // TLS, as Node names OpenSSL's verdicts: https://nodejs.org/api/tls.html#x509-certificate-error-codes
  SELF_SIGNED_CERT_IN_CHAIN: { code: "cert.unknown-ca", retry: false, meaning: "the server's CA is not a trusted one" },
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    code: "cert.unknown-ca",
    retry: false,
    meaning: "the server's certificate is self-signed and not trusted",
  },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    code: "cert.unknown-ca",
    retry: false,
    meaning: "no trusted CA signed the server's certificate",
  },
  UNABLE_TO_GET_ISSUER_CERT: {
    code: "cert.unknown-ca",
    retry: false,
    meaning: "no trusted CA signed the server's certificate",
  },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: {
    code: "cert.unknown-ca",
    retry: false,
    meaning: "no trusted CA signed the server's certificate",
  },
  CERT_SIGNATURE_FAILURE: {
    code: "cert.unknown-ca",
    retry: false,
    meaning: "a CA of the same name but with another key signed the server's certificate",
  },
  CERT_UNTRUSTED: { code: "cert.unknown-ca", retry: false, meaning: "the server's CA is not a trusted one" },
  INVALID_CA: {
    code: "cert.unknown-ca",
    retry: false,
    meaning: "the server's chain holds a certificate that is no CA",
  },
  CERT_HAS_EXPIRED: { code: "cert.expired", retry: false, meaning: "the server's certificate has expired" },
  CERT_NOT_YET_VALID: {
    code: "cert.expired",
    retry: false,
    meaning: "the server's certificate is not valid yet (or this machine's clock is behind)",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: { code: "cert.wrong-host", retry: false },
  HOSTNAME_MISMATCH: { code: "cert.wrong-host", retry: false },
  EPROTO: { code: "tls.failed", retry: false },

  // 08 connection exceptions
  "08000": { code: "endpoint.closed", retry: true },
  "08001": { code: "endpoint.closed", retry: true },
  "08003": { code: "endpoint.closed", retry: true },
  "08004": { code: "db.unavailable", retry: true },
  "08006": { code: "endpoint.closed", retry: true },
  "08P01": { code: "endpoint.not-postgres", retry: false },

  // 25, 28, 3D, 42: what the server will not do however often one asks
  "25006": { code: "db.read-only", retry: false },
  "28000": { code: "auth.no-login", retry: false },
  "28P01": { code: "auth.rejected", retry: false },
  "3D000": { code: "db.missing", retry: false },
  "42501": { code: "db.permission", retry: false },

  // 40: the whole transaction was rolled back and may be run again
  "40001": { code: "db.failed", retry: true },
  "40P01": { code: "db.failed", retry: true },

  // 53 and 57: the server's state of the moment
  "53300": { code: "db.too-many-connections", retry: true },
  "55P03": { code: "db.timeout", retry: false },
  "57014": { code: "db.timeout", retry: false },
  "57P01": { code: "db.unavailable", retry: true },
  "57P02": { code: "db.unavailable", retry: true },
  "57P03": { code: "db.unavailable", retry: true },
  "57P04": { code: "db.missing", retry: false },
  "57P05": { code: "endpoint.closed", retry: true },
};

/** The table's row for an errno, a TLS error code or an SQLSTATE. */
export function faultOf(key: string): Fault | undefined {
  return Object.hasOwn(faults, key) ? faults[key] : undefined;
}
