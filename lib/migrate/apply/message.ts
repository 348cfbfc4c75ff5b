import { quoteLiteral } from "#lib/postgres/quote.ts";
import { type Migration, statementBreakpoint } from "../folder/source.ts";
import { toCodeUnits } from "../sql/position.ts";

/**
 * A migration as one message to the server, which costs one round trip:
 *
 * ```
 * <head: reset the session; begin; limits> ; <the file as it is> ; <tail: reset the role; record; commit>
 * ```
 *
 * The file stands in it unchanged in length, so that the server's positions are the file's.
 */
export type Message = {
  readonly sql: string;
  /** Statements ahead of the file's. */
  readonly headCount: number;
  /** Statements of the file. */
  readonly count: number;
  /** Code points ahead of the file. */
  readonly headLength: number;
};

/** Where in a message the server stopped. `number`: which statement of the file, from 1. */
export type Place =
  | { readonly part: "head" | "recording" | "committing" }
  | { readonly part: "file"; readonly number: number };

export function composeMessage(
  text: string,
  count: number,
  around: { readonly head: readonly string[]; readonly tail: readonly string[] },
): Message {
  const head = `${around.head.join(";\n")};\n`;
  // On a line of its own: the file may end in a comment.
  const tail = `\n;${around.tail.join(";\n")}`;
  return {
    sql: `${head}${asOneScript(text)}${tail}`,
    headCount: around.head.length,
    count,
    headLength: Array.from(head).length,
  };
}

/** By the number of statements that were completed; the last one of the tail commits. */
export function placeOf({ headCount, count }: Message, completed: number, tailCount: number): Place {
  if (completed < headCount) return { part: "head" };
  const inFile = completed - headCount;
  if (inFile < count) return { part: "file", number: inFile + 1 };
  return { part: inFile - count >= tailCount - 1 ? "committing" : "recording" };
}

/**
 * The server's position (code points of the message, from 1) as an offset into the file (UTF-16 units); undefined when the
 * server gave none, or one outside the file.
 */
export function toFileOffset({ headLength }: Message, text: string, position: unknown): number | undefined {
  const at = Number(position) - 1 - headLength;
  if (!Number.isInteger(at) || at < 0) return undefined;
  const offset = toCodeUnits(text, at);
  return offset < text.length ? offset : undefined;
}

/** `begin`, with what a migration may not inherit from the role or the database. */
export const beginStatement = "begin isolation level read committed read write";

/**
 * Limits of every migration that runs in a transaction; milliseconds.
 *
 * Commits are not waited for one by one: the run's end in the ledger is, and it makes all before it durable before anybody is
 * told of it. A server that crashes in between forgets migrations together with their record.
 */
export function transactionSettings(lockTimeoutMs: number): string[] {
  // A timeout of the role's own is for its everyday queries.
  return [
    `set lock_timeout = ${Math.ceil(lockTimeoutMs)}`,
    "set statement_timeout = 0",
    "set synchronous_commit = off",
  ];
}

/** What the migration has set for itself ends before the bookkeeping, which is the runner's. */
export const resetBeforeRecord = ["reset session authorization", "reset role", "reset search_path"];

/**
 * How the server reads the next message, which it does before it runs anything of it: a `set client_encoding` that a migration
 * leaves (pg_dump writes one) would turn the letters of the next into others. Ours is UTF-8, and the parser's strings are standard.
 */
export const resetReading = ["set client_encoding = 'UTF8'", "set standard_conforming_strings = on"];

export function recordStatements(options: {
  readonly runId: string;
  readonly token: string;
  readonly migration: Migration;
  readonly insertApplied: string;
}): string[] {
  const { runId, token, migration, insertApplied } = options;
  const values = [runId, migration.tag, migration.checksum].map(quoteLiteral).join(", ");
  return [`select postern.record_applied(${token}, ${values}, now())`, insertApplied];
}

/**
 * A breakpoint ends a statement where its author wrote no semicolon, and a line comment that it stands in: what is behind it on its
 * line is SQL, to the parser here and to drizzle. A byte order mark is nothing to the server.
 */
function asOneScript(text: string): string {
  return text
    .replace(/^\uFEFF/u, " ")
    .replaceAll(statementBreakpoint, `\n;${" ".repeat(statementBreakpoint.length - 2)}`);
}
