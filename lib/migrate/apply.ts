import type pg from "pg";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { recordMigration } from "./ledger.ts";
import type { Migration } from "./source.ts";

/**
 * Applies one migration in one transaction, its bookkeeping rows inside: either all of it is there afterwards and
 * recorded, or nothing is. The failure itself is recorded after the rollback.
 *
 * @throws PosternError `migrate.failed` naming the migration, the statement and the line, with the SQLSTATE
 */
export async function applyMigration(
  client: pg.Client,
  migration: Migration,
  run: { readonly runId: string; readonly clock: Clock },
): Promise<void> {
  const startedAt = run.clock.wallTime();
  let statementNumber = 0;
  try {
    await client.query("begin");
    for (const statement of migration.statements) {
      statementNumber += 1;
      await client.query(statement);
    }
    await recordMigration(client, run.runId, migration, { startedAt, outcome: "applied" });
    // A deferred constraint is checked here, so this too can be the migration's own fault.
    await client.query("commit");
  } catch (error) {
    const failure = describeFailure(error, migration, statementNumber);
    // On a connection that is gone neither works, and the server has rolled back by itself.
    await client.query("rollback").catch(() => undefined);
    const end = { startedAt, outcome: "failed", sqlState: failure.sqlState } as const;
    await recordMigration(client, run.runId, migration, end).catch(() => undefined);
    throw failure;
  }
}

function describeFailure(error: unknown, migration: Migration, statementNumber: number): PosternError {
  const cause = toDatabaseError(error, `applying ${migration.tag}`);
  if (cause.sqlState === undefined) return cause;
  const statement = migration.statements[statementNumber - 1] ?? "";
  const where = `statement ${statementNumber} of ${migration.statements.length}`;
  const line = describeLine(error, statement);
  const reason = error instanceof Error ? error.message : String(error);
  return new PosternError("migrate.failed", `${migration.tag}, ${where}: ${reason}${line}`, {
    cause: error,
    sqlState: cause.sqlState,
  });
}

/** The server gives a character position; a person wants the line. */
function describeLine(error: unknown, statement: string): string {
  const position = Number((error as { position?: unknown }).position);
  if (!Number.isInteger(position) || position < 1) return "";
  const upTo = Array.from(statement)
    .slice(0, position - 1)
    .join("");
  const lineNumber = upTo.split("\n").length;
  const line = statement.split("\n")[lineNumber - 1]?.trim().slice(0, 120) ?? "";
  return line === "" ? "" : ` (line ${lineNumber} of the statement: ${line})`;
}
