import type { DoctorVerdict } from "#lib/protocol.ts";
import type { Attempt } from "./evidence.ts";

/** All that a verdict is made of. */
export type Findings = {
  /** The first walk; where it failed in what may be chance, further ones over fresh connections, with more patience. */
  readonly attempts: readonly Attempt[];
  /** Whether a small handshake that only earns an alert of a few bytes got one, where the real one got nothing. */
  readonly isTinyReplyAnswered?: boolean;
  /** Whether small packets went up on a fresh connection, where 32 KB did not. */
  readonly isSmallUploadAnswered?: boolean;
  /** Whether the server has TLS, where a connection without it was refused for that. */
  readonly hasTls?: boolean;
};

export type Ranked = NonNullable<DoctorVerdict["ranked"]>;
