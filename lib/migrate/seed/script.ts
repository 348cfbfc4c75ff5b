import { createHash } from "node:crypto";
import { isUtf8 } from "node:buffer";
import type pg from "pg";
import { type Clock, elapsedMs } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import { limitsToArrive, resetSession } from "../run/session.ts";
import { parseMigration, type Statement } from "../sql/parse-migration.ts";
import { locate } from "../sql/position.ts";
import { withoutQuotedWord } from "../sql/passwords.ts";
import { offsetOfServerError } from "../sql/server-error.ts";
import { type MarkKey, readMark, writeMark } from "./write/marks.ts";
import { isDataFault, messageWithoutValues } from "./write/without-values.ts";
import type { SeedFilePath } from "./source/sets.ts";
import { inTransaction, type SeedRun, stopWhenOver } from "./write/transaction.ts";

/** A SQL file of a set, parsed. */
export type SeedScript = {
  /** For people: `demo/05-setup.sql`. */
  readonly name: string;
  readonly text: string;
  readonly digest: string;
  readonly statements: readonly Statement[];
};

/** More is refused by the parser, too. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Reads a SQL file with PostgreSQL's own parser. What would break out of its transaction, or needs a client that sends rows, is
 * refused with file and line.
 *
 * @throws PosternError `seed.invalid-file`
 */
export async function openScript({ name, content }: SeedFilePath): Promise<SeedScript> {
  const text = await readText(content.read(0), name);
  const checksum = createHash("sha256").update(text).digest("hex");
  const file = { index: 0, tag: name, name, when: 0, checksum, file: name, text, statements: [] };
  try {
    const { statements } = await parseMigration(file);
    return { name, text, digest: `sha256:${checksum}`, statements };
  } catch (error) {
    if (!(error instanceof PosternError) || !error.code.startsWith("migrations.")) throw error;
    const message = withoutExcerpt(error.message).replace("in a migration", "in a seed set");
    // No `cause`: it has the excerpt.
    throw new PosternError("seed.invalid-file", message, { hint: scriptHint });
  }
}

/** The line itself, and the word that the parser stumbled over, may hold a value. */
function withoutExcerpt(message: string): string {
  return withoutQuotedWord(message).split("\n", 1)[0] ?? "";
}

const scriptHint = "A SQL file of a set runs as one transaction, statement by statement. Rows belong in a CSV file.";

async function readText(bytes: AsyncIterable<Buffer>, name: string): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of bytes) {
    parts.push(part);
    size += part.length;
    if (size > maxBytes) {
      const message = `${name} is larger than ${maxBytes} bytes.`;
      throw new PosternError("seed.invalid-file", message, { hint: scriptHint });
    }
  }
  const whole = Buffer.concat(parts, size);
  if (isUtf8(whole)) return whole.toString("utf8");
  throw new PosternError("seed.invalid-file", `${name} is not UTF-8.`, { hint: "Save the file as UTF-8." });
}

/**
 * Runs a SQL file, unless the ledger has it with the same checksum: SQL alone cannot tell that it ran before.
 *
 * 1. Begins a transaction, in a session as a run wants it.
 * 2. Runs statement after statement.
 * 3. Records the checksum, and commits while the lease holds.
 *
 * After a failure nothing of the file is kept, and it is not recorded.
 *
 * @throws PosternError `seed.failed` with file, line and column; why the run is over; what `toDatabaseError` makes of a lost connection
 */
export async function runScript(
  client: pg.Client,
  script: SeedScript,
  { run, key, clock }: { readonly run: SeedRun; readonly key: MarkKey; readonly clock: Clock },
): Promise<{ file: string; ran: boolean; ms: number }> {
  const { name, digest } = script;
  const startMs = clock.nowMs();
  const at: { statement: Statement | undefined } = { statement: undefined };
  try {
    if ((await readMark(client, key))?.digest === digest) {
      return { file: name, ran: false, ms: elapsedMs(clock, startMs) };
    }
    await resetSession(client);
    // A deferred constraint is checked by the commit, outside every statement.
    await inTransaction(client, run, async () => {
      for (const statement of script.statements) {
        stopWhenOver(run);
        at.statement = statement;
        const arriving = await limitsToArrive(client, statement.text);
        for (const limit of arriving.before) await client.query(limit);
        await client.query(statement.text);
        for (const limit of arriving.behind) await client.query(limit);
      }
      at.statement = undefined;
      // What the file has set for itself ends here: the ledger is the runner's.
      await client.query("reset session authorization; reset role; reset search_path");
      await writeMark(client, key, { storage: null, rows: 0, bytes: 0, lines: 0, digest, isComplete: true });
    });
  } catch (error) {
    throw describeFailure(error, script, at.statement);
  } finally {
    await resetSession(client).catch(() => undefined);
  }
  return { file: name, ran: true, ms: elapsedMs(clock, startMs) };
}

function describeFailure(error: unknown, script: SeedScript, statement: Statement | undefined): PosternError {
  const failure = toDatabaseError(error, `running ${script.name}`);
  if (failure.sqlState === undefined) return failure;
  // No `cause`: the server's detail may quote rows, and a cause ends up in logs.
  return new PosternError("seed.failed", describeRefusal(error, script, statement), {
    sqlState: sqlStateOf(error),
    hint: "Nothing of this file was kept; mend it, then run seed again.",
  });
}

/** With line and column, and never with the line itself: it may hold values of rows. */
function describeRefusal(error: unknown, { name, text }: SeedScript, statement: Statement | undefined): string {
  const values = statement === undefined ? literalsOf(text) : literalsOf(statement.text);
  const message = withoutExcerpt(messageWithoutValues(error, values));
  // A deferred constraint, or trigger, speaks up at the commit, behind the last statement.
  if (statement === undefined) return `${name}, when it was committed: ${message}`;
  // Rows at fault have their statement's place: the server's may be in the middle of one.
  const { line, column } = locate(text, isDataFault(error) ? statement.offset : offsetOfServerError(error, statement));
  return `${name}:${line}:${column}: ${message}`;
}

/** Texts in quotes, also those within a function's body. */
function literalsOf(sql: string): string[] {
  return Array.from(sql.matchAll(/'((?:[^']|'')*)'/gu), ([, text = ""]) => text.replaceAll("''", "'"));
}
