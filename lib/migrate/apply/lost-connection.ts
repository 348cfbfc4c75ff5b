import type { Clock } from "#lib/base/clock.ts";
import { isRetryable, toDatabaseError } from "#lib/postgres/errors.ts";
import { isConnectionLost } from "./failure.ts";
import {
  isConnectionOf,
  type LeaseHolder,
  type Queryable,
  readAppliedTags,
  readLeaseHolder,
  runApplicationName,
} from "../ledger/ledger.ts";
import type { RunContext } from "../run/recorded-run.ts";

const limits = Object.freeze({ tryForMs: 30_000, lookOnceMs: 10_000, pauseMs: 500, lingerMs: 2000, takeMs: 2500 });

export type FoundAfterLoss<Found> = {
  /** What was read of the ledger when nothing could be committed any more. */
  readonly found: Found;
  /** The run that has taken the lease; undefined when it is this one's still. */
  readonly takenBy: LeaseHolder | undefined;
};

type LostRun = Pick<RunContext, "runId" | "clock" | "open" | "signal" | "lease">;

/**
 * Finds out which migrations of a run were committed when its connection was lost, by their tags. Also of those before the last, for a
 * server that crashed may have forgotten commits that were not waited for (`transactionSettings`).
 */
export async function findApplied(run: LostRun): Promise<FoundAfterLoss<ReadonlySet<string>> | undefined> {
  return await findAfterLoss(run, async (client) => readAppliedTags(client, run.runId));
}

/**
 * Finds out what a run had committed when its connection was lost: the ledger has it, or never will.
 *
 * 1. Connect anew; the server may be restarting.
 * 2. Wait until the lost connection's backend is gone, for it may be committing; end it when it lingers.
 * 3. Look into the ledger (`read`).
 * 4. Ask who has the lease. One that ended this run takes it a moment later: while another run is connected, wait for that.
 *
 * All of it has half a minute. A run that was called off, or has lost its lease, looks once, for ten seconds: losing the lease is
 * how a run most often loses its connection.
 *
 * @returns undefined when the server cannot be reached in time, or lets nobody in: then nobody knows
 * @throws PosternError what is neither, such as a privilege that is missing
 */
export async function findAfterLoss<Found>(
  { runId, clock, open, signal, lease }: LostRun,
  read: (client: Queryable) => Promise<Found>,
): Promise<FoundAfterLoss<Found> | undefined> {
  const over = new AbortController();
  const done = new AbortController();
  const limit = waitForLimit(clock, signal, done.signal).then(() => over.abort());
  try {
    do {
      try {
        return await look({ runId, clock, open, lease, over: over.signal }, read);
      } catch (error) {
        if (over.signal.aborted) return undefined;
        const failure = toDatabaseError(error, "finding out what was committed");
        if (failure.code === "auth.rejected") return undefined;
        if (!isConnectionLost(failure) && !isRetryable(failure)) throw failure;
        await clock.sleep(limits.pauseMs, AbortSignal.any([signal, over.signal])).catch(() => undefined);
      }
    } while (!over.signal.aborted && !signal.aborted);
    return undefined;
  } finally {
    done.abort();
    await limit;
  }
}

async function waitForLimit(clock: Clock, signal: AbortSignal, done: AbortSignal): Promise<void> {
  await clock.sleep(limits.tryForMs, AbortSignal.any([signal, done])).catch(() => undefined);
  if (signal.aborted) await clock.sleep(limits.lookOnceMs, done).catch(() => undefined);
}

async function look<Found>(
  { runId, clock, open, lease, over }: Omit<LostRun, "signal"> & { readonly over: AbortSignal },
  read: (client: Queryable) => Promise<Found>,
): Promise<FoundAfterLoss<Found>> {
  await using connection = await open(over);
  // A query that gets no answer ends with its connection.
  const close = () => void connection.close().catch(() => undefined);
  over.addEventListener("abort", close, { once: true });
  try {
    const { client } = connection;
    const askedMs = clock.nowMs();
    for (;;) {
      over.throwIfAborted();
      const pid = await findLingering(client, runId);
      if (pid === undefined) {
        const found = await read(client);
        return { found, takenBy: await findTaker(client, { runId, clock, lease }) };
      }
      if (clock.nowMs() - askedMs > limits.lingerMs) await client.query("select pg_terminate_backend($1)", [pid]);
      await clock.sleep(limits.pauseMs / 5, over);
    }
  } finally {
    over.removeEventListener("abort", close);
  }
}

async function findLingering(client: Queryable, runId: string): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>(
    `select a.pid from postern.runs r join pg_stat_activity a on ${isConnectionOf("r")} where r.run_id = $1`,
    [runId],
  );
  return rows[0]?.pid;
}

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
