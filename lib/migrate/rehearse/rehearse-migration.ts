import type pg from "pg";
import { elapsedMs } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { RehearsedMigration } from "#lib/protocol.ts";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import type { LockObserver } from "./observed-locks.ts";
import type { RunContext } from "../run/recorded-run.ts";
import type { ParsedMigration } from "../sql/parse-migration.ts";
import { describeServerError } from "../sql/server-error.ts";

export type RehearsalLimits = {
  readonly run: Pick<RunContext, "clock" | "signal" | "monitor">;
  /** On the run's clock: no statement begins after it. */
  readonly endMs: number;
};

/** `isLast`: the transaction is broken or out of time. Without an error nobody is to blame. */
export type RehearsedOne = {
  readonly migration: RehearsedMigration;
  readonly isLast: boolean;
  readonly error?: PosternError;
};

/**
 * Runs one migration inside the rehearsal's transaction, statement by statement, then the checks that its commit would
 * make.
 *
 * @throws PosternError when the connection fails; what the server refuses is a result
 */
export async function rehearseMigration(
  client: pg.Client,
  { migration, statements }: ParsedMigration,
  observer: LockObserver,
  { run: { clock, signal, monitor }, endMs }: RehearsalLimits,
): Promise<RehearsedOne> {
  const { tag } = migration;
  const startMs = clock.nowMs();
  const done: RehearsedMigration["statements"][number][] = [];
  const end = (outcome: RehearsedMigration["outcome"], reason?: string): RehearsedMigration => ({
    tag,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ms: elapsedMs(clock, startMs),
    statements: done,
  });
  let [current] = statements;
  try {
    for (const statement of statements) {
      if (signal.aborted) return { migration: end("skipped", calledOff), isLast: true };
      if (clock.nowMs() > endMs) {
        return { migration: end("skipped", "the rehearsal's time was over before its end"), isLast: true };
      }
      current = statement;
      const statementStartMs = clock.nowMs();
      await monitor.cancellable(async () => client.query(statement.text));
      const ms = elapsedMs(clock, statementStartMs);
      done.push({ line: statement.line, ms, ...(await observer.look()) });
    }
    await checkDeferredConstraints(client);
    return { migration: end("passed"), isLast: false };
  } catch (error) {
    const sqlState = sqlStateOf(error);
    if (sqlState === undefined || current === undefined) throw toDatabaseError(error, `rehearsing ${tag}`);
    if (signal.aborted && sqlState === "57014") return { migration: end("skipped", calledOff), isLast: true };
    const artefact = oneTransactionOnly[sqlState];
    if (artefact !== undefined) return { migration: end("skipped", artefact), isLast: true };
    const message = describeServerError(error, migration, current);
    const failure = new PosternError("rehearsal.failed", message, { cause: error, sqlState });
    return { migration: end("failed"), isLast: true, error: failure };
  }
}

const calledOff = "the rehearsal was called off";

/** What only fails because the migrations before it have not committed, by SQLSTATE. */
const oneTransactionOnly: Readonly<Record<string, string>> = {
  "55P04": "it uses an enum value that another pending migration adds, which one transaction cannot do",
  "55006": "rows of another pending migration still wait for their deferred checks, as they would not in a run",
};

/** As the commit would, and undone, so that later migrations find constraints as deferred as they were. */
async function checkDeferredConstraints(client: pg.Client): Promise<void> {
  await client.query("savepoint postern_rehearsal");
  await client.query("set constraints all immediate");
  await client.query("rollback to savepoint postern_rehearsal; release savepoint postern_rehearsal");
}
