import type pg from "pg";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";

export type RolesLockOptions = {
  /** 0: not at all. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
};

/**
 * The one lock of setup and rotation: either, with a password that it read before the other wrote, would lock a role out.
 * Two keys, so that it cannot meet an application's single-key lock; the run lock's first key is one less. Advisory locks
 * are per database.
 */
const lockKeys = "1886351477, 1";

const pollMs = 100;

/**
 * Takes the lock for the session, because a rotation is no transaction: the new password must be committed to be proven.
 * It goes with the connection, or with the returned disposable. Read passwords after it, never before.
 *
 * Polls: a waiting `pg_advisory_lock` would hold a snapshot and stall every CREATE INDEX CONCURRENTLY.
 *
 * @throws PosternError `lock.held` when it is still taken after `waitMs`
 */
export async function acquireRolesLock(client: pg.Client, options: RolesLockOptions): Promise<AsyncDisposable> {
  const { waitMs, signal, clock = systemClock } = options;
  const deadlineMs = clock.nowMs() + waitMs;
  while (!(await tryLock(client))) {
    if (clock.nowMs() >= deadlineMs) {
      throw new PosternError("lock.held", "Someone else is setting up the roles or rotating a password.");
    }
    await clock.sleep(pollMs, signal);
  }
  return {
    async [Symbol.asyncDispose]() {
      // A connection that is gone has let go of the lock already.
      await client.query(`select pg_advisory_unlock(${lockKeys})`).catch(() => undefined);
    },
  };
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(`select pg_try_advisory_lock(${lockKeys}) as locked`);
  return rows[0]?.locked === true;
}
