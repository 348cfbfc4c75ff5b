import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { recordFailure } from "../ledger/ledger.ts";
import type { ApplyContext } from "./context.ts";
import type { PreparedMigration } from "./prepare.ts";
import { applySteps } from "./steps/steps.ts";
import { applyInTransaction } from "./transaction.ts";
import { applyUnread } from "./unread.ts";

/**
 * Applies one migration, and records a failure after the rollback: in one transaction where it can run in one (nothing of it
 * is kept when it fails), else statement by statement (what was done is kept, and the next run goes on behind it).
 *
 * @throws PosternError `migrate.failed` naming the migration, the statement and the line, with the SQLSTATE; the reason of
 *   `run.signal`, when that ended it; those of the three ways to apply
 */
export async function applyMigration(context: ApplyContext, prepared: PreparedMigration): Promise<void> {
  const { client, run } = context;
  const startedAt = run.clock.wallTime();
  try {
    await applyAsPrepared(context, prepared);
  } catch (error) {
    const failure = whyItEnded(error, run.signal);
    const end = { startedAt, sqlState: failure.sqlState };
    // On a connection that is gone this does not work either.
    await recordFailure(client, run.runId, prepared.migration, end).catch(() => undefined);
    throw failure;
  }
}

async function applyAsPrepared(context: ApplyContext, prepared: PreparedMigration): Promise<void> {
  switch (prepared.kind) {
    case "transaction":
      return await applyInTransaction(context, prepared);
    case "steps":
      return await applySteps(context, prepared);
    case "unread":
      return await applyUnread(context, prepared.migration);
    default:
      return prepared satisfies never;
  }
}

/** A statement that was cancelled failed because somebody wanted it: 57014 (query_canceled) says only that. */
function whyItEnded(error: unknown, signal: AbortSignal): PosternError {
  const failure = toPosternError(error);
  const reason: unknown = signal.reason;
  const isCancelled = failure.sqlState === "57014" || failure.code === "aborted";
  return signal.aborted && isCancelled && reason instanceof PosternError ? reason : failure;
}
