import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import { beginStatement } from "../apply/message.ts";
import { isConnectionLost } from "../apply/failure.ts";
import { isLockFailure } from "../apply/lock-retry.ts";
import { findAfterLoss } from "../apply/lost-connection.ts";
import { leaseLost } from "../ledger/ledger-versions.ts";
import { type Queryable, readRun, recordOutcome } from "../ledger/ledger.ts";
import { cancellable, type PushJob, statementLimitMs } from "./job.ts";
import type { Outcome } from "./outcome.ts";

/**
 * One attempt at a push, in one transaction: commits what was pushed, and rolls back anything else.
 *
 * @throws what `work` throws; that a lock was not got; `run.lease-lost`; why the push was ended
 */
export async function inTransaction(job: PushJob, work: () => Promise<Outcome>): Promise<Outcome> {
  const { client, limits } = job;
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
    return await commit(job, outcome);
  } finally {
    // After a commit there is nothing to roll back, which is a notice; on a lost connection the server has done it.
    await client.query("rollback").catch(() => undefined);
  }
}

/**
 * Commits, with the outcome in the ledger. So of a push whose connection is lost meanwhile the ledger knows what became of it.
 *
 * @throws PosternError the connection's own code, saying that nothing was committed, or that nobody knows; `run.lease-lost`
 */
async function commit(job: PushJob, outcome: Outcome): Promise<Outcome> {
  const { client, context } = job;
  try {
    return await cancellable(job, async () => {
      // Deferred checks may take a while: nobody could cancel the run behind the lock that its outcome takes on its row.
      await client.query("set constraints all immediate");
      // Fails when another run has taken the lease: nothing is kept then.
      await client.query("select postern.hold_lease($1)", [context.lease.token]);
      await recordOutcome(client, context.runId, outcome.status, job.toResult(outcome));
      await client.query("commit");
      return outcome;
    });
  } catch (error) {
    const failure = toDatabaseError(error, "committing the push");
    return isConnectionLost(failure) ? await findOut(job, outcome, failure) : notCommitted(outcome, error);
  }
}

async function findOut(job: PushJob, outcome: Outcome, failure: PosternError): Promise<Outcome> {
  const { context } = job;
  job.isInDoubt = true;
  const readOutcome = async (client: Queryable) => (await readRun(client, context.runId))?.outcome;
  const after = await findAfterLoss(context, readOutcome);
  job.isInDoubt = after === undefined;
  if (after?.found === outcome.status) return outcome;
  const { code, message: reason, cause, sqlState } = failure;
  const lost = "The connection was lost while the push was committed, and";
  if (after === undefined) {
    const hint = "Push again: that is safe either way, for a push does what is not there yet and nothing twice.";
    const message = `${lost} whether it was committed could not be found out. ${reason}`;
    throw new PosternError(code, message, { hint, cause, sqlState });
  }
  if (after.takenBy !== undefined) throw takenOver(failure);
  const hint = "Nothing was changed: push again.";
  throw new PosternError(code, `${lost} it was not committed. ${reason}`, { hint, cause, sqlState });
}

function takenOver(cause: unknown): PosternError {
  return new PosternError("run.lease-lost", "Another run has taken over: nothing was kept.", { cause });
}

/** Refused by a deferred check, or by the commit itself. */
function notCommitted(outcome: Outcome, error: unknown): Outcome {
  const sqlState = sqlStateOf(error);
  if (sqlState === leaseLost) throw takenOver(error);
  if (sqlState === undefined || sqlState === queryCanceled || isLockFailure(error)) throw error;
  const { message } = toDatabaseError(error, "committing");
  const failure = new PosternError("push.failed", message, { cause: error, sqlState });
  const statements = (outcome.statements ?? []).map(({ sql, hazards }) => ({ sql, hazards, executed: false }));
  return { ...outcome, status: "failed", statements, reemitted: [], error: failure.toDocument() };
}

const queryCanceled = "57014";
