import type pg from "pg";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";

/** Two keys each, so that they cannot meet an application's single-key lock. Advisory locks are per database. */
const lockKeys = {
  /** Every run that changes schema or seeds. 'post' in ASCII. */
  run: "1886351476, 1",
  /** Setup and rotation: either, with a password that it read before the other wrote, would lock a role out. */
  roles: "1886351477, 1",
} as const;

export type LockName = keyof typeof lockKeys;

const pollMs = { first: 50, longest: 1000 } as const;

export type LockWaitOptions = {
  /** 0: not at all. */
  readonly waitMs: number;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when the lock is found taken. */
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
  /** Asked about the holder at each look; it may end it. */
  readonly onHolder?: ((holder: LockHolder) => Promise<void>) | undefined;
};

export type LockHolder = {
  readonly pid: number;
  readonly applicationName: string;
  readonly connectedAt: Date | undefined;
};

/**
 * Takes a lock for the session (a rotation, for one, is no transaction), polling with `pg_try_advisory_lock`. A waiting `pg_advisory_lock` would hold a snapshot and
 * stall every CREATE INDEX CONCURRENTLY. The lock goes with the connection, or with the returned disposable.
 *
 * @throws PosternError `lock.held`, naming the holder, when it is still taken after `waitMs`
 */
export async function acquireLock(
  client: pg.Client,
  lock: LockName,
  options: LockWaitOptions,
): Promise<AsyncDisposable> {
  const keys = lockKeys[lock];
  const { waitMs, signal, clock = systemClock } = options;
  const startMs = clock.nowMs();
  let delayMs: number = pollMs.first;
  let isWaiting = false;
  while (!(await tryLock(client, keys))) {
    const waitedMs = clock.nowMs() - startMs;
    const holder = await findHolder(client, keys);
    if (waitedMs >= waitMs) throw describeHolder(lock, holder, waitedMs);
    if (!isWaiting) options.onWait?.(holder);
    isWaiting = true;
    if (holder !== undefined) await options.onHolder?.(holder);
    await clock.sleep(Math.min(delayMs, waitMs - waitedMs), signal);
    delayMs = Math.min(delayMs * 2, pollMs.longest);
  }
  return {
    async [Symbol.asyncDispose]() {
      // A connection that is gone has let go of the lock already.
      await client.query(`select pg_advisory_unlock(${keys})`).catch(() => undefined);
    },
  };
}

async function tryLock(client: pg.Client, keys: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(`select pg_try_advisory_lock(${keys}) as locked`);
  return rows[0]?.locked === true;
}

async function findHolder(client: pg.Client, keys: string): Promise<LockHolder | undefined> {
  const { rows } = await client.query<{ pid: number; application_name: string; backend_start: Date | null }>(
    `select a.pid, a.application_name, a.backend_start
     from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and (l.classid, l.objid) = (${keys})
       and l.database = (select oid from pg_database where datname = current_database())`,
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return { pid: row.pid, applicationName: row.application_name, connectedAt: row.backend_start ?? undefined };
}

/** Danger: ends the connection that holds a lock; the server rolls back what it had begun. */
export async function endHolder(client: pg.Client, pid: number): Promise<void> {
  await client.query("select pg_terminate_backend($1)", [pid]).catch((error: unknown) => {
    throw toDatabaseError(error, `ending backend ${pid}, which holds the lock,`);
  });
}

function describeHolder(lock: LockName, holder: LockHolder | undefined, waitedMs: number): PosternError {
  const waited = `after ${Math.round(waitedMs / 1000)} s`;
  if (holder === undefined) {
    return new PosternError("lock.held", `Someone held the ${lock} lock ${waited}, and has just let go.`);
  }
  const since = holder.connectedAt === undefined ? "" : `, connected since ${holder.connectedAt.toISOString()}`;
  const name = holder.applicationName === "" ? "a connection without a name" : `"${holder.applicationName}"`;
  return new PosternError(
    "lock.held",
    `${name} (backend ${holder.pid}${since}) still holds the ${lock} lock ${waited}.`,
  );
}
