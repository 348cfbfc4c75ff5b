import type pg from "pg";
import type { Blocker } from "#lib/protocol.ts";
import type { RunContext } from "../run/recorded-run.ts";
import type { Migration } from "../folder/source.ts";

/** What applying a migration needs of its run. */
export type ApplyContext = {
  readonly client: pg.Client;
  readonly run: RunContext;
  readonly limits: ApplyLimits;
  /** The SQL of one row in drizzle's table. */
  readonly insertApplied: (migration: Migration) => string;
  readonly session: SessionState;
  readonly onEvent: (event: ApplyEvent) => void;
  /** Which of how many, for those who watch. */
  readonly place: { readonly n: number; readonly of: number };
};

/** What is known of the session: shared by the migrations of a run. */
export type SessionState = {
  /** It has the settings of `transactionSettings`, and nothing that a migration has set. */
  isSet: boolean;
};

export type ApplyLimits = {
  /** How long a statement may queue for a lock, and others behind it. */
  readonly lockTimeoutMs: number;
  /** How often a migration is begun when it does not get its locks. */
  readonly lockAttempts: number;
  /** Milliseconds left for statements; infinite where nothing ends the process. */
  readonly remainingMs: () => number;
};

export type ApplyEvent =
  /** It did not get a lock in time, was rolled back, and will be tried again. */
  | {
      readonly step: "blocked";
      readonly tag: string;
      readonly attempt: number;
      readonly blockers: readonly Blocker[];
      readonly retryMs: number;
    }
  /** One statement of a migration that cannot run in a transaction is done, and stays done. */
  | { readonly step: "statement-done"; readonly tag: string; readonly statement: number; readonly of: number }
  /** An index that a failed concurrent build left was dropped. */
  | { readonly step: "dropped-invalid-index"; readonly tag: string; readonly index: string }
  /** Statements that an earlier run has done are passed over. */
  | { readonly step: "resumed"; readonly tag: string; readonly statement: number; readonly of: number };

/** For `statement_timeout`, where 0 means none. */
export function statementTimeoutMs({ remainingMs }: ApplyLimits): number {
  const left = remainingMs();
  return Number.isFinite(left) ? Math.max(1, Math.ceil(left)) : 0;
}
