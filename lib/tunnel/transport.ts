import type { Duplex } from "node:stream";
import type { ErrorCode, PosternError } from "#lib/base/errors.ts";

/**
 * How a tunnel gets to the database. `ssm`, `ssh`, `direct` and the tests' fake are all of this shape, and pass
 * `test/conformance`.
 */
export type TransportKind = "ssm" | "ssh" | "direct";

export interface Transport {
  readonly kind: TransportKind;
  /** For people: "db.internal:5432 through i-0abc". */
  readonly route: string;
  /**
   * Opens a link; it is up when streams can be opened through it, which need not mean that the database answers.
   * On abort it rejects with the signal's reason. Whatever fails, nothing is left open.
   *
   * @throws PosternError whose code is a `TransportReason`
   */
  connect(signal: AbortSignal): Promise<Link>;
}

/** A connected transport. Disposing it ends every stream of it, tells the other side, and is done when both are. */
export interface Link extends AsyncDisposable {
  /**
   * A byte stream to the database's port. It is given back at once where the transport does not say whether the far
   * end accepted; one that could not be opened then ends with an error. Destroying it frees everything of it; its
   * `end()` may close both directions (a session's streams know no half-close).
   *
   * @throws PosternError whose code is a `TransportReason`
   */
  openStream(signal: AbortSignal): Promise<Duplex>;
  /**
   * Resolves when the link is of no more use, with the reason, or with `undefined` after it was disposed. Never
   * rejects. The streams of a link that ended are destroyed, with that reason.
   */
  readonly ended: Promise<PosternError | undefined>;
  vitals(): LinkVitals;
}

export type LinkVitals = {
  /** `resuming`: the link holds its streams while it gets back to the other side. */
  readonly state: "live" | "resuming" | "ended";
  /** Milliseconds since something came from the other side; what `resuming` and `ended` links say is of the past. */
  readonly silentMs: number;
  /** Smoothed; absent where the transport cannot measure it. */
  readonly roundTripMs?: number;
  /**
   * One of its streams holds up the others now (a reader that stops, where streams share one pipe), or no other can be
   * opened: that a fresh stream gets no answer then says nothing about the other side. Absent: that cannot be.
   */
  readonly isBusy?: boolean;
  readonly openStreams: number;
  /** Bytes of the streams, not of the transport's own messages. */
  readonly bytesUp: number;
  readonly bytesDown: number;
};

/** Why a transport cannot, or can no longer, get to the database. */
export type TransportReason = Extract<
  ErrorCode,
  | `ssm.${string}`
  | `ssh.${string}`
  | `aws.${string}`
  | `tcp.${string}`
  | `dns.${string}`
  | "endpoint.closed"
  | "config.invalid"
  | "stage.not-running"
  | "usage.invalid"
  | "aborted"
  | "internal"
>;

/**
 * Reasons that do not pass by waiting: whoever starts a tunnel is told at once. A tunnel that was up goes on trying
 * all the same, since what is missing (a login, a permission) may be given back while its port stays.
 */
const lastingReasons: ReadonlySet<ErrorCode> = new Set<TransportReason>([
  "aws.credentials",
  "aws.permission",
  "aws.clock-skew",
  "dns.not-found",
  "ssm.target-missing",
  "ssm.bastion-stopped",
  "ssm.document-missing",
  "ssm.plugin-missing",
  "ssh.auth",
  "ssh.passphrase",
  "ssh.key-format",
  "ssh.key-missing",
  "ssh.key-permissions",
  "ssh.host-key-changed",
  "ssh.host-key-unknown",
  "ssh.forbidden",
  "config.invalid",
  "usage.invalid",
]);

export function isLasting(code: ErrorCode): boolean {
  return lastingReasons.has(code);
}
