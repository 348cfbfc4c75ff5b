import { ScriptError, runScript } from "#lib/postgres/script.ts";
import { resetSession, resetStatements } from "../run/session.ts";
import { type ApplyContext, statementTimeoutMs } from "./context.ts";
import { describeFailure, describePlace } from "./failure.ts";
import { withLockRetries } from "./lock-retry.ts";
import {
  beginStatement,
  composeMessage,
  type Message,
  placeOf,
  recordStatements,
  resetBeforeRecord,
  resetReading,
  toFileOffset,
  transactionSettings,
} from "./message.ts";
import type { PreparedMigration } from "./prepare.ts";

/**
 * Applies a migration in one transaction and one message, its bookkeeping inside: either all of it is there afterwards and
 * recorded, or nothing is. A migration that does not get its locks is rolled back and begun anew. The lease is asked for
 * behind the last statement, and held until the commit.
 *
 * @throws PosternError see `describeFailure`; `migrate.blocked`
 */
export async function applyInTransaction(
  context: ApplyContext,
  prepared: Extract<PreparedMigration, { kind: "transaction" }>,
): Promise<void> {
  const { client, run, limits, place, session } = context;
  const { migration, statements, isRepeatable, leavesSession } = prepared;
  const { tag, text } = migration;
  const count = statements.length;
  const tail = [
    ...(leavesSession ? [] : [...resetBeforeRecord, ...resetReading]),
    ...recordStatements({
      runId: run.runId,
      token: run.lease.token,
      migration,
      insertApplied: context.insertApplied(migration),
    }),
    "commit",
  ];
  let message: Message | undefined;
  const placeIn = (error: unknown) =>
    message === undefined
      ? ({ part: "head" } as const)
      : placeOf(message, error instanceof ScriptError ? error.completed : 0, tail.length);

  const attempt = async () => {
    const timeoutMs = statementTimeoutMs(limits);
    const head = [
      ...(session.isSet ? [] : [...(await resetStatements(client)), ...transactionSettings(limits.lockTimeoutMs)]),
      beginStatement,
      ...(timeoutMs === 0 ? [] : [`set local statement_timeout = ${timeoutMs}`]),
    ];
    const { sql, headCount } = (message = composeMessage(text, count, { head, tail }));
    const onCompleted = (completed: number) => {
      const n = Math.min(count, Math.max(1, completed - headCount + 1));
      run.report({ what: tag, migration: place, statement: { n, of: count } });
    };
    try {
      await run.monitor.cancellable(async () => runScript(client, sql, onCompleted), limits.remainingMs());
      session.isSet = leavesSession;
    } catch (error) {
      session.isSet = false;
      // On a connection that is gone this fails, and the server has rolled back by itself.
      await client.query("rollback").catch(() => undefined);
      throw error;
    }
  };
  try {
    const describe = (error: unknown) => describePlace(placeIn(error), count);
    await withLockRetries(context, { tag, describe, isRepeatable: () => isRepeatable }, attempt);
  } catch (error) {
    await resetSession(client).catch(() => undefined);
    const at = placeIn(error);
    const offset =
      offsetOf(error, message, text) ?? (at.part === "file" ? statements[at.number - 1]?.offset : undefined);
    throw describeFailure(error, { migration, place: at, count, offset });
  }
}

function offsetOf(error: unknown, message: Message | undefined, text: string): number | undefined {
  const cause: unknown = error instanceof ScriptError ? error.cause : undefined;
  if (message === undefined || !(cause instanceof Error) || !("position" in cause)) return undefined;
  return toFileOffset(message, text, cause.position);
}
