import type { Failure, StepName } from "../evidence.ts";
import type { VerdictCode } from "../verdicts.ts";

/** What it means that the other side ended the connection in this step. */
export function codeOfEnd(step: StepName, { how }: Extract<Failure, { kind: "ended" }>): VerdictCode {
  const isReset = how === "reset";
  switch (step) {
    case "dns":
    case "tcp":
    case "ssl-request":
      return isReset ? "endpoint.reset" : "endpoint.closed";
    case "tls":
    case "certificate":
      return isReset ? "tls.reset" : "tls.closed";
    case "startup":
      return isReset ? "startup.reset" : "startup.closed";
    case "auth":
    case "ready":
      return "auth.closed";
    case "query":
    case "download":
    case "upload":
      return "path.cut";
    case "parallel":
      return "parallel.limit";
    case "hold":
      return isReset ? "idle.reset" : "idle.closed";
    default:
      return step satisfies never;
  }
}

/** A host on the own network that does not answer for its address takes seconds; a router refuses at once. */
const atOnceMs = 1000;

/** EINVAL: it is too long for a name. */
const missing: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA", "EINVAL"]);

export function codeOfErrno(step: StepName, errno: string, ms: number): VerdictCode {
  if (step === "dns") return missing.has(errno) ? "dns.not-found" : "dns.unavailable";
  switch (errno) {
    case "ECONNREFUSED":
      return "tcp.refused";
    case "EHOSTUNREACH":
      return ms > atOnceMs ? "tcp.host-down" : "route.unreachable";
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
    // A route of kind `prohibit`, and this machine's own firewall.
    case "EACCES":
    case "EPERM":
      return "route.unreachable";
    case "EINVAL":
      return "route.local-blackhole";
    case "ECONNRESET":
      return "endpoint.reset";
    default:
      return "tcp.timeout";
  }
}

/** @see https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-6 */
export function codeOfAlert(alert: number): VerdictCode {
  if (alert === 40 || alert === 71) return "tls.no-common-cipher";
  if (alert === 70) return "tls.version";
  if (alert === 112) return "tls.unknown-name";
  return "tls.closed";
}

/** What OpenSSL here refuses of a server's handshake, by Node's name for it; what it cannot read at all came changed. */
export function codeOfTlsError(name: string): VerdictCode {
  if (/UNSUPPORTED_PROTOCOL|WRONG_SSL_VERSION/u.test(name)) return "tls.version";
  if (/TOO_SMALL|TOO_WEAK|LEGACY/u.test(name)) return "tls.no-common-cipher";
  return "tls.corrupted";
}
