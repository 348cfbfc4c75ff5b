import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import { beginStatement } from "../../apply/message.ts";
import { leaseLost } from "../../ledger/ledger-versions.ts";
import type { Lease } from "../../run/lease.ts";
import type { RunContext } from "../../run/recorded-run.ts";

/** What seeding is told of the run that it is. Without a lease nothing is fenced, without a monitor no statement is cancelled. */
export type SeedRun = {
  readonly set: string;
  /** Everything is committed only while it holds. */
  readonly lease?: Lease | undefined;
  /** Looked at between statements and batches; with a monitor it ends a statement under way, too. What is committed stays. */
  readonly signal?: AbortSignal | undefined;
  readonly monitor?: Pick<RunContext["monitor"], "cancellable"> | undefined;
  /** Milliseconds left for statements; default: infinite. */
  readonly remainingMs?: (() => number) | undefined;
  /** How long a statement waits for a lock, with the run lock in its hand; default 30 000. */
  readonly lockTimeoutMs?: number | undefined;
};

const defaults = Object.freeze({ lockTimeoutMs: 30_000 });

/** What was measured before a statement was cut off, and the cancel itself, take a moment. */
const deadlineSlackMs = 250;

/**
 * Does work in one transaction, which may be cancelled and ends with the time that the run has.
 *
 * 1. Begins, with limits for locks and statements.
 * 2. Does the work.
 * 3. Asks for the lease, which holds until the commit.
 * 4. Commits.
 *
 * After a failure all of it is rolled back.
 *
 * @throws PosternError why the run is over (`stopWhenOver`), `seed.deadline`, `run.lease-lost`; else what the server said, as it is
 */
export async function inTransaction<Result>(
  client: pg.Client,
  run: SeedRun,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await cancellable(run, async () => {
      await client.query(beginSql(run));
      const result = await work();
      if (run.lease !== undefined) await holdLease(client, run.lease);
      await client.query("commit");
      return result;
    });
  } catch (error) {
    // On a connection that is gone this fails too, and the server has rolled back by itself.
    await client.query("rollback").catch(() => undefined);
    stopWhenOver(run);
    if (sqlStateOf(error) === queryCanceled && leftMs(run) <= deadlineSlackMs) throw outOfTime(run, error);
    throw error;
  }
}

const queryCanceled = "57014";

/** Work whose statements are cancelled with the run, by its signal, or when its time is over. */
export async function cancellable<Result>(run: SeedRun, work: () => Promise<Result>): Promise<Result> {
  stopWhenOver(run);
  return run.monitor === undefined ? await work() : await run.monitor.cancellable(work, leftMs(run), run.signal);
}

/**
 * `begin`, and limits that end with the transaction. The server keeps them also when nobody can tell it to cancel. The commit is not
 * waited for: one at the end of the run is, and it makes all before it durable. A server that crashes in between forgets rows together
 * with the mark that says they were written, and the run fails.
 */
export function beginSql(run: SeedRun): string {
  const timeoutMs = leftMs(run);
  return [
    beginStatement,
    "set local synchronous_commit = off",
    `set local lock_timeout = ${Math.ceil(run.lockTimeoutMs ?? defaults.lockTimeoutMs)}`,
    ...(Number.isFinite(timeoutMs) ? [`set local statement_timeout = ${Math.max(1, Math.ceil(timeoutMs))}`] : []),
  ].join("; ");
}

/** @throws PosternError the reason of the run's signal (`run.cancelled`, `run.lease-lost`), `seed.deadline`, `aborted` */
export function stopWhenOver(run: SeedRun): void {
  const { signal, set } = run;
  const reason: unknown = signal?.reason;
  // Cancelled, or the lease is lost: that says more.
  if (reason instanceof PosternError && reason.code !== "aborted") throw reason;
  if (leftMs(run) <= 0) throw outOfTime(run, reason);
  if (signal?.aborted !== true) return;
  throw new PosternError("aborted", `Seeding ${set} was stopped before it was done.`, {
    cause: reason,
    hint: "Run seed again: it goes on where this stopped.",
  });
}

function outOfTime({ set }: SeedRun, cause: unknown): PosternError {
  const message = `Seeding ${set} did not end within the time that the runner has.`;
  return new PosternError("seed.deadline", message, { cause });
}

function leftMs({ remainingMs }: SeedRun): number {
  return remainingMs === undefined ? Number.POSITIVE_INFINITY : remainingMs();
}

async function holdLease(client: pg.Client, { token }: Lease): Promise<void> {
  try {
    await client.query("select postern.hold_lease($1)", [token]);
  } catch (error) {
    if (sqlStateOf(error) !== leaseLost) throw error;
    const message = "Another run has taken this one's lease: nothing of what was under way is kept.";
    throw new PosternError("run.lease-lost", message, { cause: error });
  }
}
