import type { ErrorCode } from "#lib/base/errors.ts";
import type { TransportKind } from "#lib/tunnel/transport.ts";
import type { Source } from "./verdicts/traits.ts";
import { failsOf, traitsOf, type VerdictCode } from "./verdicts.ts";

/** How far a transport had come: `connect`, to its own server; `stream`, from there to the database. */
export type FarEndPhase = "connect" | "stream";

/** The way to a server of SSH's is not the way to the database, and what a jump host cannot reach is neither. Pure. */
export function codeOfTransport(kind: TransportKind, phase: FarEndPhase, code: ErrorCode): ErrorCode | VerdictCode {
  if (kind !== "ssh" || phase !== "connect") {
    // The verdicts have another word for it.
    return code === "tcp.unreachable" ? "route.unreachable" : code;
  }
  if (/^(?:tcp|dns)\.|^endpoint\./u.test(code)) return "ssh.unreachable";
  // Before the link is up only a jump host is asked for a stream: to the next server.
  return failsOf(code) === "stream" ? "ssh.jump" : code;
}

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
  return failsOf(code) !== undefined;
}

/** What the server itself said, in words that no way makes up: it stands, whatever became of the way afterwards. */
export function isServersAnswer(code: string): boolean {
  const source = traitsOf(code)?.source;
  return source !== undefined && isServers[source];
}

const isServers: Readonly<Record<Source, boolean>> = {
  login: true,
  "tls-mode": true,
  identity: true,
  server: true,
  limit: false,
  caller: false,
  service: false,
  stage: false,
  way: false,
};
