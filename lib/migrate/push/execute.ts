import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { isConnectionLost } from "../apply/failure.ts";
import type { RunContext } from "../run/recorded-run.ts";

/**
 * Executes the statements inside the caller's transaction, one after the other.
 *
 * @returns why the server refused one; undefined when all of them ran
 * @throws PosternError `aborted` and `run.cancelled`, also within a statement that is cancelled; the connection's own code when it was lost
 */
export async function executeStatements(
  client: pg.Client,
  statements: readonly { readonly sql: string }[],
  { signal, monitor }: Pick<RunContext, "signal" | "monitor">,
): Promise<PosternError | undefined> {
  for (const { sql } of statements) {
    if (signal.aborted) throw stopped(signal);
    try {
      await monitor.cancellable(async () => client.query(sql));
    } catch (error) {
      // The statement was cancelled because the run is.
      if (signal.aborted) throw stopped(signal);
      const failure = toDatabaseError(error, "pushing");
      if (failure.sqlState === undefined || isConnectionLost(failure)) throw failure;
      const reason = error instanceof Error ? error.message : String(error);
      return new PosternError("push.failed", `${sql}: ${reason}`, { cause: error, sqlState: failure.sqlState });
    }
  }
  return undefined;
}

/** Why it ends: the run was cancelled or lost its lease, or whoever asked for it has called it off. */
export function stopped({ reason: cause }: AbortSignal): PosternError {
  if (cause instanceof PosternError && cause.code !== "aborted") return cause;
  return new PosternError("aborted", "The push was stopped: nothing was changed.", { cause });
}
