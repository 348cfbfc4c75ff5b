import type { AfterRun, ErrorReply, PlannedHazard } from "#lib/protocol.ts";

/** `postern push --json`. */
export type PushResult = {
  /** `planned`: a dry run found something to do. */
  readonly status: "pushed" | "up-to-date" | "planned" | "refused" | "failed";
  readonly statements: readonly PushedStatement[];
  /** What drizzle-kit would do again although it was done: it reads the database otherwise than the file. */
  readonly reemitted: readonly string[];
  /** Tables in the same schemas that the schema file does not have: never touched. */
  readonly unmanaged: readonly string[];
  readonly findings: readonly { readonly code: string; readonly message: string }[];
  readonly runId: string;
  readonly ms: number;
  /** Of a push that was kept: what the schema is like now. */
  readonly after?: AfterRun;
  readonly error?: ErrorReply["error"];
};

export type PushedStatement = {
  readonly sql: string;
  readonly hazards: readonly Omit<PlannedHazard, "line">[];
  /** It ran, and what it did is kept. */
  readonly executed: boolean;
};
