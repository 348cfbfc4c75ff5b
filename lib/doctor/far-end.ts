import type { ErrorCode } from "#lib/base/errors.ts";
import type { TransportKind } from "#lib/tunnel/transport.ts";
import type { VerdictCode } from "./verdicts.ts";

/** How far a transport had come: `connect`, to its own server; `stream`, from there to the database. */
export type FarEndPhase = "connect" | "stream";

/** The way to a server of SSH's is not the way to the database, and what a jump host cannot reach is neither. Pure. */
export function codeOfTransport(
  kind: TransportKind,
  phase: FarEndPhase,
  code: ErrorCode,
): ErrorCode | Extract<VerdictCode, `ssh.${string}`> {
  if (kind !== "ssh" || phase !== "connect") return code;
  if (/^(?:tcp|dns)\.|^endpoint\./u.test(code)) return "ssh.unreachable";
  return ofTheNextServer.has(code) ? "ssh.jump" : code;
}

/** What a server says of a way that it was to open; before the link is up only a jump host is asked for one. */
const ofTheNextServer: ReadonlySet<ErrorCode> = new Set([
  "ssh.refused",
  "ssh.host-unresolved",
  "ssh.no-answer",
  "ssh.forbidden",
]);

/** What it means that a transport says nothing at all. Pure. */
export function codeOfSilence(kind: TransportKind, phase: FarEndPhase): VerdictCode {
  switch (kind) {
    case "ssm":
      return phase === "connect" ? "ssm.handshake" : "ssm.no-answer";
    case "ssh":
      return phase === "connect" ? "ssh.unreachable" : "ssh.no-answer";
    case "direct":
      return "tcp.timeout";
    default:
      return kind satisfies never;
  }
}

/** Whether an error of a stream is the transport's own reason, and not merely that it was closed. */
export function isFarEndReason(code: ErrorCode): boolean {
  return code.startsWith("ssm.") || code.startsWith("ssh.");
}

/** What the server itself said, in words that no way makes up: it stands, whatever became of the way afterwards. */
export function isServersAnswer(code: string): boolean {
  return /^(?:cert|db)\./u.test(code) || answers.has(code);
}

const answers: ReadonlySet<string> = new Set([
  "auth.rejected",
  "auth.no-login",
  "auth.no-password",
  "auth.method",
  "auth.impostor",
  "tls.refused",
  "tls.required",
  "tls.version",
  "tls.no-common-cipher",
  "tls.unknown-name",
] satisfies readonly VerdictCode[]);
