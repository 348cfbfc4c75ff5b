/**
 * `danger`: can stop the application or lose data. `warning`: look before you run it. `notice`: good to know; what would
 * be worse on a bigger table.
 */
export type Severity = "danger" | "warning" | "notice";

export type HazardCode =
  | "rewrite"
  | "unlogged"
  | "default.volatile"
  | "type.change"
  | "type.narrowing"
  | "not-null.scan"
  | "not-null.no-default"
  | "constraint.scan"
  | "index.blocking"
  | "index.invalid"
  | "lock.long"
  | "drop.table"
  | "drop.column"
  | "drop.schema"
  | "drop.cascade"
  | "drop.object"
  | "truncate"
  | "rename"
  | "rows.exposed"
  | "rows.delete"
  | "rows.update"
  | "rows.update-all"
  | "opaque";

export type Hazard = {
  readonly code: HazardCode;
  readonly severity: Severity;
  /** Schema and name; absent where it is about no table. */
  readonly table?: string;
  /** What happens, and the way that avoids it. */
  readonly message: string;
  /** Rows, values or objects are gone afterwards, or may be: a protected stage wants approval. */
  readonly destructive: boolean;
};

/** Weakest first, as the manual's table of conflicts has them. */
export const lockModes = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;
export type LockMode = (typeof lockModes)[number];

/** What happens to the rows while the lock is held. `build`: an index is built over all of them. */
export type Work = "none" | "scan" | "build" | "rewrite";

/** What a statement does to a table that others use. Tables made by the same plan are nobody else's yet. */
export type Effect = {
  readonly table: string;
  readonly lock: LockMode;
  readonly work: Work;
  /** The work takes more than a blink, for there are many rows. */
  readonly isLong: boolean;
};

export type Verdict = { readonly effects: readonly Effect[]; readonly hazards: readonly Hazard[] };

export const nothing: Verdict = { effects: [], hazards: [] };

export function combine(verdicts: readonly Verdict[]): Verdict {
  return {
    effects: verdicts.flatMap(({ effects }) => effects),
    hazards: verdicts.flatMap(({ hazards }) => hazards),
  };
}

/** What a plan cannot look into may do anything, so a protected stage wants to hear that somebody has. */
export function opaque(what: string): Hazard {
  const message = `${what} does what only its code says: read it before you approve.`;
  return { code: "opaque", severity: "warning", message, destructive: true };
}
