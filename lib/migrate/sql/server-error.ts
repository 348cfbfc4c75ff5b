import type { Migration } from "../folder/source.ts";
import type { Statement } from "./parse-migration.ts";
import { markPosition, toCodeUnits } from "./position.ts";

/** The server's message with file, line and a caret: at its position in the statement, else at the statement's start. */
export function describeServerError(
  error: unknown,
  migration: Pick<Migration, "file" | "text">,
  statement: Pick<Statement, "text" | "offset">,
): string {
  const message = error instanceof Error ? error.message : String(error);
  return markPosition(migration.file, migration.text, offsetOfServerError(error, statement), message);
}

/** Where in the file it happened, in UTF-16 units: at the server's position in the statement, else at the statement's start. */
export function offsetOfServerError(error: unknown, statement: Pick<Statement, "text" | "offset">): number {
  // Counted in characters from 1; a string on the wire, absent where the server does not know.
  const position = Number((error as { position?: unknown }).position);
  const within = Number.isInteger(position) && position > 0 ? toCodeUnits(statement.text, position - 1) : 0;
  return statement.offset + within;
}
