import type { ServerReport } from "#lib/postgres/wire/fields.ts";

/** Where a probe runs: on this machine, in the inspect Lambda, or in AWS's control plane. */
export type Vantage = "here" | "vpc" | "aws";

/** The steps of a connection in their order; each needs all before it. */
export const stepNames = [
  "dns",
  "tcp",
  "ssl-request",
  "tls",
  "certificate",
  "startup",
  "auth",
  "ready",
  "query",
  "download",
  "upload",
  "parallel",
  "hold",
] as const;
export type StepName = (typeof stepNames)[number];

/** How a step failed: what was seen, without a word of why. The verdict is made of these alone. */
export type Failure =
  /** `lastBytesMs`: some came in this step, the last of them so long after it began. */
  | { readonly kind: "timeout"; readonly lastBytesMs?: number }
  /** Not the step's own time was over, but that of all steps together. */
  | { readonly kind: "out-of-time" }
  /** The peer ended the connection. `notified`: TLS said so before (close_notify). */
  | { readonly kind: "ended"; readonly how: "fin" | "reset"; readonly hasBytes: boolean; readonly notified: boolean }
  /** The system refused; `ms` tells a router's refusal from a host that did not answer for its address. */
  | { readonly kind: "errno"; readonly errno: string; readonly ms: number }
  | { readonly kind: "alert"; readonly alert: number }
  | { readonly kind: "corrupted"; readonly text: string }
  /** What answered instead of PostgreSQL. */
  | { readonly kind: "stranger"; readonly what: string }
  | { readonly kind: "no-tls" }
  | { readonly kind: "certificate"; readonly problems: readonly CertificateProblem[] }
  | { readonly kind: "refused"; readonly report: ServerReport; readonly isPasswordProven: boolean }
  | { readonly kind: "no-password" }
  | { readonly kind: "impostor" }
  | { readonly kind: "standby" }
  | { readonly kind: "no-method"; readonly offered: string }
  /** TLS was to prove who we are. */
  | { readonly kind: "client-certificate" }
  /** Of several connections at a time, these many worked, and the others were not refused in words. `isSilent`: nor ended. */
  | { readonly kind: "limit"; readonly worked: number; readonly wanted: number; readonly isSilent: boolean };

export type CertificateProblem = {
  readonly code: "cert.expired" | "cert.not-yet-valid" | "cert.unknown-ca" | "cert.wrong-host";
  /** For people, with the values seen and expected. */
  readonly text: string;
  /** Why it does not hold, whoever is trusted. */
  readonly flaw?: string;
};

export type Step = {
  readonly name: StepName;
  readonly ms: number;
  /** For people: what was found, or what happened. No secrets. */
  readonly detail: string;
  /** For people, of a step that passed: what will not be well for long. */
  readonly warning?: string;
  /** Absent where the step passed. */
  readonly failure?: Failure;
  /** Of `ms`, so long this process did not run, though it was due: it was busy, or its machine. */
  readonly missedMs?: number;
};

/** One walk along the steps, up to the first that failed. */
export type Attempt = {
  readonly steps: readonly Step[];
  /** What the kernel says of the socket; absent where it cannot be asked. */
  readonly socket?: SocketFacts;
};

/** From `ss -tin` (Linux). */
export type SocketFacts = {
  /** Segments that were sent again, without those of which the other side said that it had them already. */
  readonly retransmits: number;
  /** Segments with data that were sent, the former among them. */
  readonly sentSegments: number;
  /** Packets came, but not in their order: one in between is missing. */
  readonly hasOutOfOrder: boolean;
  /** Bytes of ours that the other side has acknowledged since the step began, and that it has not. */
  readonly ackedInStepBytes: number;
  readonly unackedBytes: number;
};

export type Failed = { readonly step: StepName; readonly failure: Failure };

export function failureOf(attempt: Attempt): Failed | undefined {
  const step = attempt.steps.find(({ failure }) => failure !== undefined);
  return step?.failure === undefined ? undefined : { step: step.name, failure: step.failure };
}

/** A step that could not be taken: thrown within a walk, and never out of it. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  readonly failure: Failure;
  readonly detail: string;

  constructor(failure: Failure, detail: string) {
    super(detail);
    this.failure = failure;
    this.detail = detail;
  }
}
