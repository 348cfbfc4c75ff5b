import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { isConnectionLost } from "../apply/failure.ts";
import { isLockFailure } from "../apply/lock-retry.ts";
import { cancellable, type PushJob, statementLimitMs, whyEnded } from "./job.ts";
import type { JudgedStatement } from "./judge.ts";
import { showReason } from "./shown.ts";

/**
 * Executes the statements inside the caller's transaction, one after the other.
 *
 * @returns why the server refused one; undefined when all of them ran
 * @throws PosternError `aborted`, `run.cancelled` and `push.deadline`, also within a statement that is ended; `push.blocked` with
 *   the statement that did not get its lock; the connection's own code when it was lost
 */
export async function executeStatements(
  job: PushJob,
  statements: readonly Pick<JudgedStatement, "sql" | "shown">[],
): Promise<PosternError | undefined> {
  const { client, context, limits } = job;
  for (const [index, { sql, shown }] of statements.entries()) {
    context.report({ what: "push", statement: { n: index + 1, of: statements.length } });
    try {
      await cancellable(job, async () => {
        await client.query(`set local statement_timeout = ${statementLimitMs(limits)}`);
        await client.query(sql);
      });
    } catch (error) {
      const ended = whyEnded(job, error);
      if (ended !== undefined) throw ended;
      const failure = toDatabaseError(error, "pushing");
      const { sqlState } = failure;
      if (isLockFailure(error)) throw new PosternError("push.blocked", shown, { cause: error, sqlState });
      if (sqlState === undefined || isConnectionLost(failure)) throw failure;
      const reason = showReason(error instanceof Error ? error.message : String(error), sql, sqlState);
      return new PosternError("push.failed", `${shown}: ${reason}`, { cause: error, sqlState });
    }
  }
  return undefined;
}
