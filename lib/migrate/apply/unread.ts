import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { runScript, ScriptError } from "#lib/postgres/script.ts";
import { limitsToArrive, resetSession } from "../run/session.ts";
import type { Migration } from "../folder/source.ts";
import { isRepeatableText } from "../sql/irrevocable.ts";
import { type ApplyContext, statementTimeoutMs } from "./context.ts";
import { describeFailure, describePlace } from "./failure.ts";
import { withLockRetries } from "./lock-retry.ts";
import { beginStatement, type Place, recordStatements, resetBeforeRecord, resetReading } from "./message.ts";

/**
 * Applies a migration that the parser did not read (too large for it, or of a newer server's grammar) in one transaction, part
 * by part as its breakpoints say.
 *
 * One that ends the transaction by itself (COMMIT, ROLLBACK) is noticed behind the part that did, or where it fails behind it; what
 * it committed is kept, which the error says. One that did not get its locks is begun anew, unless it has committed, or names
 * something that reaches outside of the transaction.
 *
 * @throws PosternError see `describeFailure`; `migrations.own-transaction`, `migrate.blocked`
 */
export async function applyUnread(context: ApplyContext, migration: Migration): Promise<void> {
  const { client, run, limits } = context;
  const { tag, statements: parts } = migration;
  let place = { part: "head" } as Place;
  let hasCommitted = false;
  let hasEnded = false;
  const onCompleted = (_: number, command: string) => {
    hasCommitted ||= /^(?:COMMIT|PREPARE TRANSACTION)/u.test(command);
  };
  const apply = async () => {
    await resetSession(client);
    place = { part: "head" };
    context.session.isSet = false;
    // For the session, because one that commits goes on in another transaction.
    const wanted = { lock_timeout: Math.ceil(limits.lockTimeoutMs), statement_timeout: statementTimeoutMs(limits) };
    const settings = Object.entries(wanted).map(([name, value]) => `set ${name} = ${value}`);
    await runScript(client, [...settings, beginStatement].join(";"));
    const transactionId = await readTransactionId(client);
    for (const [index, part] of parts.entries()) {
      place = { part: "file", number: index + 1 };
      run.report({ what: tag, migration: context.place, statement: { n: index + 1, of: parts.length } });
      const arriving = await limitsToArrive(client, part);
      if (arriving.before.length > 0) await runScript(client, arriving.before.join(";"));
      await run.monitor.cancellable(async () => runScript(client, part, onCompleted), limits.remainingMs());
      // Stops before the next part would run, and be kept, on its own.
      if (client.getTransactionStatus() !== "T") throw ownTransaction(tag, index + 1);
      await runScript(client, [...arriving.behind, ...resetReading].join(";"));
    }
    if ((await readTransactionId(client)) !== transactionId) throw ownTransaction(tag, parts.length);
    place = { part: "recording" };
    const { runId, lease } = run;
    const insertApplied = context.insertApplied(migration);
    const record = recordStatements({ runId, token: lease.token, migration, insertApplied });
    await runScript(client, [...resetBeforeRecord, ...record].join(";"));
    place = { part: "committing" };
    await runScript(client, "commit");
  };
  const attempt = async () => {
    try {
      await apply();
    } catch (error) {
      const isInFile = error instanceof ScriptError && place.part === "file";
      hasEnded = isInFile && (hasCommitted || (await hasLeftTransaction(client)));
      await resetAfterFailure(client);
      throw error;
    }
  };
  try {
    const describe = () => describePlace(place, parts.length);
    const isRepeatable = () => !hasEnded && parts.every(isRepeatableText);
    await withLockRetries(context, { tag, describe, isRepeatable }, attempt);
  } catch (error) {
    if (hasEnded) throw ownTransaction(tag, place.part === "file" ? place.number : 0, error);
    throw describeFailure(error, { migration, place, count: parts.length, offset: undefined });
  }
}

async function readTransactionId(client: pg.ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>("select pg_current_xact_id()::text as id");
  return rows[0]?.id;
}

/** After a failure: inside a transaction that failed the server takes no query (25P02), outside of one it does. */
async function hasLeftTransaction(client: pg.ClientBase): Promise<boolean> {
  return await client.query("select").then(
    () => true,
    () => false,
  );
}

async function resetAfterFailure(client: pg.Client): Promise<void> {
  await client
    .query("rollback")
    .then(async () => resetSession(client))
    .catch(() => undefined);
}

function ownTransaction(tag: string, number: number, cause?: unknown): PosternError {
  const what = `${tag}, statement ${number}, ends the transaction that the migration runs in`;
  const message = `${what}: what it committed itself is kept, and not recorded.`;
  return new PosternError("migrations.own-transaction", message, { cause });
}
