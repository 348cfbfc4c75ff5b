import type { Verdict } from "./traits.ts";

/** The TLS handshake, and the certificate that it shows. */
export const tlsVerdicts = {
  // TLS
  "tls.refused": {
    summary: "The server offers no TLS.",
    proof: "It answered N to the request for TLS.",
    fix: "Turn TLS on at the server; only where that is intended, connect with sslmode=disable.",
    traits: { place: "either", source: "tls-mode", suspects: [] },
  },
  "tls.required": {
    summary: "The server accepts TLS only.",
    proof: "It refused a login without TLS, and said so.",
    fix: "Connect with sslmode=verify-full.",
    traits: { place: "either", source: "tls-mode", suspects: [] },
  },
  "tls.reset": {
    summary: "The connection is reset in the middle of the TLS handshake.",
    proof: "RST after our ClientHello, which was acknowledged; the same on a fresh connection.",
    fix: "Look for a firewall that inspects TLS between here and the server.",
    traits: { place: "either", source: "way", suspects: [] },
  },
  "tls.closed": {
    summary: "The connection is closed in the middle of the TLS handshake.",
    proof: "FIN after our ClientHello and before the handshake was over; the same on a fresh connection.",
    fix: "Look at the server's log; behind a balancer or tunnel, at the far end's.",
    traits: { place: "either", source: "way", suspects: [] },
  },
  "tls.stalled": {
    summary: "The server says yes to TLS and then nothing.",
    proof: "All that we sent was acknowledged, nothing came out of order, and no answer within its time.",
    fix: "Look at the server: it accepted and hangs.",
    traits: { place: "either", source: "way", suspects: [] },
  },
  "tls.corrupted": {
    summary: "What arrives in the TLS handshake is not TLS.",
    proof: "A record that cannot be parsed or decrypted.",
    fix: "Look for something between here and the server that changes bytes.",
    traits: { place: "either", source: "way", suspects: [] },
  },
  "tls.no-common-cipher": {
    summary: "Client and server have no cipher in common.",
    proof: "Alert 40 (handshake_failure), or OpenSSL here refuses what the server offers as too weak.",
    fix: "Allow TLS 1.2 or 1.3 with a modern cipher at the server (ssl_ciphers).",
    traits: { place: "either", source: "server", suspects: [] },
  },
  "tls.version": {
    summary: "The server speaks only versions of TLS that are not accepted any more.",
    proof: "Alert 70 (protocol_version), or OpenSSL here refuses the version that the server chose.",
    fix: "Allow TLS 1.2 or newer at the server (ssl_max_protocol_version).",
    traits: { place: "either", source: "server", suspects: [] },
  },
  "tls.unknown-name": {
    summary: "The server does not know the name that it was asked for.",
    proof: "Alert 112 (unrecognized_name).",
    fix: "Connect with the name that the server or proxy has.",
    traits: { place: "either", source: "server", suspects: [] },
  },

  // The certificate
  "cert.expired": {
    summary: "The server's certificate has expired.",
    proof: "Its last day is past, by this machine's clock.",
    fix: "Renew the certificate; on RDS, rotate it (rds-ca-rsa2048-g1).",
    traits: { place: "either", source: "server", suspects: [] },
  },
  "cert.not-yet-valid": {
    summary: "The server's certificate is not valid yet.",
    proof: "Its first day is to come, by this machine's clock.",
    fix: "Set this machine's clock; else correct the certificate.",
    traits: { place: "either", source: "server", suspects: [] },
  },
  "cert.unknown-ca": {
    summary: "No trusted authority signed the server's certificate.",
    proof:
      "The chain ends at none of the authorities that were trusted, or a certificate in it is too weak or unfit for a server.",
    fix: "Trust the authority that signed it: --ca FILE.",
    traits: { place: "either", source: "identity", suspects: [] },
  },
  "cert.wrong-host": {
    summary: "The server's certificate is for another name.",
    proof: "None of its names is the one that was asked for.",
    fix: "Connect with a name in the certificate; through a tunnel, verify the real host's name.",
    traits: { place: "either", source: "identity", suspects: [] },
  },
} as const satisfies Record<string, Verdict>;
