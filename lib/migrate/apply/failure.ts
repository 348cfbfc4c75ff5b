import { type ErrorCode, PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { ScriptError } from "#lib/postgres/script.ts";
import { leaseLost } from "../ledger/ledger-versions.ts";
import type { Migration } from "../folder/source.ts";
import { markPosition } from "../sql/position.ts";
import type { Place } from "./message.ts";

/** Where and in what a migration failed. */
export type FailedAt = {
  readonly migration: Migration;
  readonly place: Place;
  /** Statements in all. */
  readonly count: number;
  /** Where in the file the fault is, or its statement begins; undefined: not known. */
  readonly offset: number | undefined;
  /** Default: that nothing was kept. */
  readonly hint?: string | undefined;
};

/** What the server said, or what became of the connection, with the migration, the statement and the line. */
export function describeFailure(error: unknown, at: FailedAt): PosternError {
  const { migration, place } = at;
  const { tag, file, text } = migration;
  const seen = error instanceof ScriptError ? error.cause : error;
  const cause = toDatabaseError(seen, `applying ${tag}`);
  if (cause === seen || cause.sqlState === undefined || isEndOfConnection(cause.sqlState)) return cause;
  if (cause.sqlState === leaseLost) {
    const message = `Another run has taken the lease: nothing of ${tag} was kept.`;
    return new PosternError("run.lease-lost", message, { cause: seen });
  }
  const reason = seen instanceof Error ? seen.message : String(seen);
  const marked = at.offset === undefined ? `${file}: ${reason}` : markPosition(file, text, at.offset, reason);
  const message = `${tag}, ${describePlace(place, at.count)}: ${marked}`;
  const hint = cause.sqlState === "2D000" ? endsTransaction : at.hint;
  return new PosternError("migrate.failed", message, { cause: seen, sqlState: cause.sqlState, hint });
}

/** Of 2D000 (invalid_transaction_termination). */
const endsTransaction =
  "A procedure or a DO block ends the transaction, which is the runner's: take COMMIT and ROLLBACK out of it, or call it by hand.";

export function describePlace(place: Place, count: number): string {
  switch (place.part) {
    case "file":
      return `statement ${place.number} of ${count}`;
    case "head":
      return "while beginning";
    case "recording":
    case "committing":
      return `while ${place.part} it`;
    default:
      return place satisfies never;
  }
}

/** 57P01 admin_shutdown, 57P02 crash_shutdown, 57P05 idle_session_timeout, 25P03: the server has closed the connection. */
function isEndOfConnection(sqlState: string): boolean {
  return ["57P01", "57P02", "57P05", "25P03"].includes(sqlState);
}

const lostCodes: ReadonlySet<ErrorCode> = new Set([
  "endpoint.closed",
  "endpoint.silent",
  "tcp.timeout",
  "tcp.unreachable",
  "tcp.refused",
  "db.unavailable",
]);

/** Whether the connection is gone, so that only the server knows what became of the transaction. */
export function isConnectionLost({ code, sqlState }: PosternError): boolean {
  return lostCodes.has(code) || (sqlState !== undefined && isEndOfConnection(sqlState));
}
