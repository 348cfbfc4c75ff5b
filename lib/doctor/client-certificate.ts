import { StepFailed } from "./evidence.ts";

/**
 * What a server says to whom it asked for a certificate and got none: handshake_failure or one of those about certificates
 * (42 to 46, 48).
 *
 * @see https://www.rfc-editor.org/rfc/rfc8446#section-6.2
 */
const alertsOfCertificate: ReadonlySet<number> = new Set([40, 42, 43, 44, 45, 46, 48]);
const certificateRequired = 116;

/** In a handshake these may be about somebody else's, as a gateway's that does not trust the server: unless we sent ours. */
export function isAboutOurCertificate(alert: number | undefined, hasSentOurs: boolean): boolean {
  if (alert === undefined) return false;
  return alert === certificateRequired || (hasSentOurs && alertsOfCertificate.has(alert));
}

/** Behind a handshake of TLS 1.3 there is nothing else that they could be about. */
export function isErrorOfCertificate(error: unknown): boolean {
  return error instanceof Error && "code" in error && /_ALERT_(?:.*CERTIFICATE|UNKNOWN_CA)/u.test(String(error.code));
}

export function asksForCertificate(): StepFailed {
  return new StepFailed({ kind: "client-certificate" }, "the server asks for a client certificate");
}
