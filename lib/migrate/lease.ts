import type pg from "pg";
import type { Queryable } from "./ledger.ts";
import { runApplicationName } from "./ledger.ts";

/**
 * The lease says which run may change the database, and its token only grows. The advisory lock keeps others out while its
 * connection lives; the lease covers what a lock cannot: a process that is frozen, cut off or slow to hear that it is over.
 *
 * 1. Whoever gets the lock takes the lease: the token grows, so the one before holds nothing any more. That waits for a
 *    transaction that is just committing under the old token.
 * 2. Each migration's transaction asks for its token before it commits (`postern.hold_lease`), and fails without it. A statement
 *    that runs outside a transaction cannot be fenced; it is asked for right before.
 * 3. A second connection renews it. A holder that has not done so for `leaseMs` is frozen, and may be ended by one who waits.
 */
export type Lease = { readonly token: string };

/** A holder that was not heard of for so long may be ended. Renewed four times as often; the longest parse takes a fifth. */
const leaseMs = 6000;

/** Call it with the run lock held. */
export async function takeLease(client: pg.Client, runId: string): Promise<Lease> {
  await client.query("begin isolation level read committed");
  await client.query("select from postern.lease where name = 'run' for update");
  const { rows } = await client.query<{ token: string }>(
    `update postern.lease set token = token + 1, run_id = $1, renewed_at = clock_timestamp()
     where name = 'run' returning token::text`,
    [runId],
  );
  await client.query("commit");
  const token = rows[0]?.token;
  if (token === undefined) throw new Error("postern.lease has no row");
  return { token };
}

/** @returns false when another run has taken it */
export async function renewLease(client: Queryable, { token }: Lease): Promise<boolean> {
  const renewed = await client.query(
    "update postern.lease set renewed_at = clock_timestamp() where name = 'run' and token = $1",
    [token],
  );
  return renewed.rowCount === 1;
}

/**
 * Ends the connection that holds the lock when the lease is its run's and was not renewed in time: the process is frozen
 * (SIGSTOP, a laptop asleep) or its machine is gone. The server rolls back what it had begun.
 *
 * @returns whether a connection was ended; false also when this role may not
 */
export async function endFrozenHolder(client: Queryable, holderPid: number): Promise<boolean> {
  const ended = await client
    .query(
      `select pg_terminate_backend(a.pid) from postern.lease l
       join pg_stat_activity a on a.pid = $1 and starts_with(a.application_name, $2 || l.run_id)
       where l.name = 'run' and l.renewed_at < clock_timestamp() - make_interval(secs => $3)`,
      [holderPid, runApplicationName(""), leaseMs / 1000],
    )
    .catch(ignoreRefusal);
  return (ended?.rowCount ?? 0) > 0;
}

/** 42501: only the holder's own role, its members and superusers may end it. */
function ignoreRefusal(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "42501") return undefined;
  throw error;
}
