import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import { beginStatement } from "../apply/message.ts";
import { isLockFailure } from "../apply/lock-retry.ts";
import { leaseLost } from "../ledger/ledger-versions.ts";
import { cancellable, type PushJob, statementLimitMs } from "./job.ts";
import type { Outcome } from "./outcome.ts";

/**
 * One attempt at a push, in one transaction: commits what was pushed, and rolls back anything else.
 *
 * @throws what `work` throws; that a lock was not got; `run.lease-lost`; why the push was ended
 */
export async function inTransaction(job: PushJob, work: () => Promise<Outcome>): Promise<Outcome> {
  const { client, limits, context } = job;
  try {
    // A table without a schema is one of `public`, whatever the role's own search path says.
    await client.query(
      `${beginStatement};
       set local lock_timeout = ${limits.lockTimeoutMs};
       set local statement_timeout = ${statementLimitMs(limits)};
       set local idle_in_transaction_session_timeout = '60s';
       select set_config('search_path', 'public, ' || current_setting('search_path'), true)`,
    );
    const outcome = await work();
    if (outcome.status !== "pushed") return outcome;
    return await cancellable(job, async () => {
      try {
        // Fails when another run has taken the lease: nothing is kept then.
        await client.query("select postern.hold_lease($1)", [context.lease.token]);
        await client.query("commit");
        return outcome;
      } catch (error) {
        return notCommitted(outcome, error);
      }
    });
  } finally {
    // After a commit there is nothing to roll back, which is a notice; on a lost connection the server has done it.
    await client.query("rollback").catch(() => undefined);
  }
}

/** A deferred constraint is checked when committing. */
function notCommitted(outcome: Outcome, error: unknown): Outcome {
  const sqlState = sqlStateOf(error);
  if (sqlState === leaseLost)
    throw new PosternError("run.lease-lost", "Another run has taken over: nothing was kept.", { cause: error });
  if (sqlState === undefined || sqlState === queryCanceled || isLockFailure(error)) throw error;
  const { message } = toDatabaseError(error, "committing");
  const failure = new PosternError("push.failed", message, { cause: error, sqlState });
  const statements = (outcome.statements ?? []).map(({ sql, hazards }) => ({ sql, hazards, executed: false }));
  return { ...outcome, status: "failed", statements, reemitted: [], error: failure.toDocument() };
}

const queryCanceled = "57014";
