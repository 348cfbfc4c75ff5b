import type { Node } from "libpg-query";
import { PosternError } from "#lib/base/errors.ts";
import { type Migration, statementBreakpoint } from "../folder/source.ts";
import { describeClientCommand, refuseUnfit } from "./refused.ts";
import { loadParser, type RawStatement, type SqlParser } from "./parser.ts";
import { locate, markPosition, toCodeUnits } from "./position.ts";

/** One statement of a migration file. */
export type Statement = {
  /** As it stands in the file, without the semicolon. */
  readonly text: string;
  /** Where it starts in the file's text, in UTF-16 units as JavaScript counts. */
  readonly offset: number;
  /** Where it starts in the file, from 1. */
  readonly line: number;
  /** PostgreSQL's own parse tree. */
  readonly node: Node;
};

export type ParsedMigration = { readonly migration: Migration; readonly statements: readonly Statement[] };

/** The tree of 4 MiB of rows takes about 300 MB while it is made; a function has little more than that. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Reads a migration with PostgreSQL's own parser. The parts between breakpoints are parsed one by one, as they are
 * sent: drizzle lets a breakpoint stand for a semicolon. Nothing connects; a migration that cannot run changes nothing.
 *
 * @throws PosternError `migrations.invalid-sql` with file, line and caret; `migrations.transaction-control`,
 *   `migrations.client-command` and `migrations.too-large` for what the runner does not take
 */
export async function parseMigration(migration: Migration): Promise<ParsedMigration> {
  const { text, file } = migration;
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    const size = `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
    throw new PosternError("migrations.too-large", `${file} has ${size} of SQL: expected at most 4 MiB.`);
  }
  refuseNul(migration);
  const parser = await loadParser();
  const statements: Statement[] = [];
  let start = text.startsWith("\uFEFF") ? 1 : 0;
  for (const part of text.slice(start).split(statementBreakpoint)) {
    statements.push(...parsePart(parser, migration, part, start));
    start += part.length + statementBreakpoint.length;
  }
  for (const statement of statements) refuseUnfit(statement, migration);
  return { migration, statements };
}

function parsePart(parser: SqlParser, { text, file }: Migration, part: string, start: number): Statement[] {
  const outcome = parser(part);
  if (outcome.ok) return placeStatements(outcome.statements, part, start, countLines(text.slice(0, start)));
  const at = start + toCodeUnits(part, outcome.position);
  const client = describeClientCommand(parser, text, start, at);
  if (client !== undefined) {
    throw new PosternError("migrations.client-command", markPosition(file, text, client.at, client.message));
  }
  throw new PosternError("migrations.invalid-sql", markPosition(file, text, at, outcome.message));
}

/** Byte offsets to offsets and lines of the file, in one pass over the part. */
function placeStatements(
  found: readonly RawStatement[],
  part: string,
  partStart: number,
  linesBefore: number,
): Statement[] {
  const bytes = Buffer.from(part);
  let doneBytes = 0;
  let offset = partStart;
  let line = linesBefore + 1;
  return found.map(({ node, offset: from, length }) => {
    const skipped = bytes.toString("utf8", doneBytes, from);
    const text = bytes.toString("utf8", from, from + length);
    const statement = {
      text: text.trimEnd(),
      offset: offset + skipped.length,
      line: line + countLines(skipped),
      node,
    };
    offset = statement.offset + text.length;
    line = statement.line + countLines(text);
    doneBytes = from + length;
    return statement;
  });
}

/** The parser and the wire protocol both end at the first NUL: what follows would be dropped without a word. */
function refuseNul({ text, file }: Migration): void {
  const at = text.indexOf("\0");
  if (at === -1) return;
  const { line } = locate(text, at);
  throw new PosternError("migrations.invalid-sql", `${file}:${line}: there is a NUL character, which SQL cannot hold.`);
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
