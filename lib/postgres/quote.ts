import { escapeIdentifier, escapeLiteral } from "pg";

/** A name as SQL reads it back exactly: quoted always, so that keywords and capitals need no thought. */
export function quoteIdentifier(name: string): string {
  assertStorable(name);
  if (name === "") throw new RangeError("An SQL identifier is never empty.");
  return escapeIdentifier(name);
}

/** Schema and object, each quoted. */
export function quoteQualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** A string constant, for statements that take no parameters (`alter role … set`); elsewhere pass `$1`. */
export function quoteLiteral(value: string): string {
  assertStorable(value);
  // pg writes ` E'…'` when it sees a backslash, with the space so that it may follow a keyword.
  return escapeLiteral(value).trimStart();
}

/** The protocol ends a statement at the first NUL: what follows it would be lost without a word. */
function assertStorable(text: string): void {
  if (text.includes("\0")) throw new RangeError("PostgreSQL stores no NUL character.");
}
