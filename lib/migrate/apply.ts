import type pg from "pg";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { recordMigration } from "./ledger.ts";
import { resetSession } from "./session.ts";
import type { Migration } from "./source.ts";
import { mayHoldPassword, withoutQuotedWord } from "./sql/passwords.ts";

/**
 * Applies one migration in one transaction, its bookkeeping rows inside: either all of it is there afterwards and
 * recorded, or nothing is. The failure itself is recorded after the rollback.
 *
 * A migration that ends the transaction by itself (COMMIT, ROLLBACK) is noticed after the statement that did, and fails;
 * what it committed is kept, which the error says. When the connection is lost while the server commits, nobody here can know
 * how that ended; the error says that too.
 *
 * @throws PosternError `migrate.failed` naming the migration, the statement and the line, with the SQLSTATE;
 *   `migrations.own-transaction`; the connection's own code when it was lost
 */
export async function applyMigration(
  client: pg.Client,
  migration: Migration,
  run: { readonly runId: string; readonly clock: Clock },
): Promise<void> {
  const startedAt = run.clock.wallTime();
  const at: Place = { statementNumber: 0, step: "beginning" };
  try {
    await resetSession(client);
    const transactionId = await begin(client);
    at.step = "running";
    for (const statement of migration.statements) {
      at.statementNumber += 1;
      await client.query(statement);
      // Stops before the next statement would run, and be kept, on its own.
      if (client.getTransactionStatus() !== "T") throw ownTransaction(migration, at);
    }
    if ((await readTransactionId(client)) !== transactionId) throw ownTransaction(migration, at);
    at.step = "recording";
    // What the migration has set for itself ends here: the bookkeeping is the runner's.
    await client.query("reset session authorization; reset role; reset search_path");
    await recordMigration(client, run.runId, migration, { startedAt, outcome: "applied" });
    at.step = "committing";
    // A deferred constraint is checked here, so this too can be the migration's own fault.
    await client.query("commit");
  } catch (error) {
    const hasEnded = at.step === "running" && (await hasLeftTransaction(client));
    const failure = hasEnded ? ownTransaction(migration, at, error) : describeFailure(error, migration, at);
    const end = { startedAt, outcome: "failed", sqlState: failure.sqlState } as const;
    // On a connection that is gone none of these works, and the server has rolled back by itself.
    await client
      .query("rollback")
      .then(async () => resetSession(client))
      .then(async () => recordMigration(client, run.runId, migration, end))
      .catch(() => undefined);
    throw failure;
  }
}

type Place = { statementNumber: number; step: "beginning" | "running" | "recording" | "committing" };

async function begin(client: pg.Client): Promise<string | undefined> {
  await client.query("begin");
  const { rows } = await client.query<{ id: string }>("select pg_current_xact_id()::text as id");
  return rows[0]?.id;
}

async function readTransactionId(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>("select pg_current_xact_id_if_assigned()::text as id");
  return rows[0]?.id;
}

/** After a failure: inside a transaction that failed the server takes no query (25P02), outside of one it does. */
async function hasLeftTransaction(client: pg.Client): Promise<boolean> {
  return await client.query("select").then(
    () => true,
    () => false,
  );
}

function ownTransaction({ tag }: Migration, { statementNumber }: Place, cause?: unknown): PosternError {
  const what = `${tag}, statement ${statementNumber}, ends the transaction that the migration runs in`;
  const message = `${what}: what it committed itself is kept, and not recorded.`;
  return new PosternError("migrations.own-transaction", message, { cause });
}

function describeFailure(error: unknown, migration: Migration, at: Place): PosternError {
  const { tag, statements } = migration;
  const cause = toDatabaseError(error, `applying ${tag}`);
  if (cause === error) return cause;
  if (cause.sqlState === undefined) {
    if (at.step !== "committing") return cause;
    const hint = "See `postern status`: it may have been applied. Running migrate again is safe either way.";
    return new PosternError(cause.code, `The connection was lost while ${tag} was committed.`, { cause, hint });
  }
  const statement = at.step === "running" ? (statements[at.statementNumber - 1] ?? "") : "";
  const where =
    at.step === "running" ? `statement ${at.statementNumber} of ${statements.length}` : `while ${at.step} it`;
  const text = error instanceof Error ? error.message : String(error);
  const reason = mayHoldPassword(statement) ? withoutQuotedWord(text) : text;
  const message = `${tag}, ${where}: ${reason}${describeLine(error, statement)}`;
  return new PosternError("migrate.failed", message, { cause: error, sqlState: cause.sqlState });
}

/** The server gives a character position; a person wants the line. */
function describeLine(error: unknown, statement: string): string {
  const position = error instanceof Error && "position" in error ? Number(error.position) : Number.NaN;
  if (statement === "" || !Number.isInteger(position) || position < 1) return "";
  const upTo = Array.from(statement)
    .slice(0, position - 1)
    .join("");
  const lineNumber = upTo.split("\n").length;
  const line = statement.split("\n")[lineNumber - 1]?.trim().slice(0, 120) ?? "";
  return line === "" || mayHoldPassword(statement)
    ? ` (line ${lineNumber} of the statement)`
    : ` (line ${lineNumber} of the statement: ${line})`;
}
