import { PosternError } from "#lib/base/errors.ts";
import { type LeaseHolder, type Queryable, readAppliedTags, readLeaseHolder, runApplicationName } from "./ledger.ts";
import type { RunContext } from "./recorded-run.ts";

const limits = Object.freeze({ tryForMs: 30_000, pauseMs: 500, lingerMs: 2000, takeMs: 2500 });

export type FoundAfterLoss = {
  /** Tags that the run has applied. */
  readonly applied: ReadonlySet<string>;
  /** The run that has taken the lease; undefined when it is this one's still. */
  readonly takenBy: LeaseHolder | undefined;
};

/**
 * Finds out which migrations of a run were committed when its connection was lost: the ledger has them, or never will. Also of those
 * before the last, for a server that crashed may have forgotten commits that were not waited for (`transactionSettings`).
 *
 * 1. Connect anew; the server may be restarting.
 * 2. Wait until the lost connection's backend is gone, for it may be committing; end it when it lingers.
 * 3. Look into the ledger.
 * 4. Ask who has the lease. One that ended this run takes it a moment later: while another run is connected, wait for that.
 *
 * A run that was called off, or has lost its lease, looks once: losing the lease is how a run most often loses its connection.
 *
 * @returns undefined when the server cannot be reached in time: then nobody knows
 */
export async function findApplied({ runId, clock, open, signal, lease }: LostRun): Promise<FoundAfterLoss | undefined> {
  const startMs = clock.nowMs();
  do {
    try {
      await using connection = await open();
      const { client } = connection;
      const askedMs = clock.nowMs();
      for (;;) {
        const lingers = await client.query<{ pid: number }>(
          `select a.pid from postern.runs r join pg_stat_activity a on a.pid = r.backend_pid
           where r.run_id = $1 and starts_with(a.application_name, 'postern run ' || r.run_id)`,
          [runId],
        );
        const pid = lingers.rows[0]?.pid;
        if (pid === undefined) {
          const applied = await readAppliedTags(client, runId);
          return { applied, takenBy: await findTaker(client, { runId, clock, lease }) };
        }
        if (clock.nowMs() - askedMs > limits.lingerMs) await client.query("select pg_terminate_backend($1)", [pid]);
        await clock.sleep(limits.pauseMs / 5);
      }
    } catch (error) {
      if (error instanceof PosternError && error.code === "auth.rejected") return undefined;
      await clock.sleep(limits.pauseMs, signal).catch(() => undefined);
    }
  } while (clock.nowMs() - startMs < limits.tryForMs && !signal.aborted);
  return undefined;
}

type LostRun = Pick<RunContext, "runId" | "clock" | "open" | "signal" | "lease">;

async function findTaker(
  client: Queryable,
  { runId, clock, lease }: Pick<LostRun, "runId" | "clock" | "lease">,
): Promise<LeaseHolder | undefined> {
  const startMs = clock.nowMs();
  for (;;) {
    const holder = await readLeaseHolder(client);
    if (holder !== undefined && holder.token !== lease.token) return holder;
    if (clock.nowMs() - startMs > limits.takeMs || !(await isOtherConnected(client, runId))) return undefined;
    await clock.sleep(limits.pauseMs / 5);
  }
}

async function isOtherConnected(client: Queryable, runId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_stat_activity
     where datname = current_database() and starts_with(application_name, $1) and not starts_with(application_name, $2)`,
    [runApplicationName(""), runApplicationName(runId)],
  );
  return (rowCount ?? 0) > 0;
}
