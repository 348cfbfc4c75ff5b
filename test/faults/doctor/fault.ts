import type { StepName } from "#lib/doctor/evidence.ts";
import type { Certified } from "#lib/base/certificates.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { DebianProgram } from "../../support/debian.ts";
import type { LabNetwork } from "../../support/faults/kernel/start-network.ts";
import type { TestServer } from "../../support/postgres.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";

/** What the faults are made in front of: one healthy server, and an authority that clients trust. */
export type LabWorld = {
  readonly server: TestServer;
  /** As its superuser, verified. */
  readonly address: DatabaseAddress;
  readonly authority: Certified;
  /** Of that authority, for loopback. */
  readonly certificate: Certified;
  readonly runFolder: string;
  /** Absent where this machine cannot make one. */
  readonly network?: LabNetwork;
};

/** A broken way to a database that stands until it is disposed. */
export type Broken = AsyncDisposable & {
  readonly address: DatabaseAddress;
  /** What was drawn, for the message of a failure. */
  readonly drawn?: string;
  readonly holdMs?: number;
  /** Takes the doctor's walk from somewhere else than this process. */
  readonly examine?: (signal: AbortSignal) => Promise<DoctorReport>;
};

export type LabFault = {
  /** Says it in a few words; unique. */
  readonly name: string;
  /** The only codes that are right: one, unless chance decides what is seen. */
  readonly expected: readonly string[];
  /** The step that it breaks, or the first and the last of those of which the draw decides. Absent: it is in no pair. */
  readonly strikes?: StepName | readonly [StepName, StepName];
  /** Skipped where this machine cannot make a network of its own. */
  readonly needsNetwork?: true;
  /** Skipped where this program is not installed. */
  readonly needsProgram?: DebianProgram;
  readonly open: (world: LabWorld, random: SeededRandom) => Promise<Broken>;
};

/** A whole number from `from` up to and with `to`. */
export function between(random: SeededRandom, from: number, to: number): number {
  return from + random.below(to - from + 1);
}
