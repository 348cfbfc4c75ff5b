import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { quoteLiteral } from "#lib/postgres/quote.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { isConnectionOf, isNamedAfter } from "../ledger/ledger.ts";

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
  // One message, which PostgreSQL runs as one transaction; node-postgres gives one result a statement, which its types do not say.
  const results = (await client.query(
    `set transaction isolation level read committed;
     select from postern.lease where name = 'run' for update;
     update postern.lease set token = token + 1, run_id = ${quoteLiteral(runId)}, renewed_at = clock_timestamp()
     where name = 'run' returning token::text`,
  )) as unknown as pg.QueryResult<{ token?: string }>[];
  const token = results.at(-1)?.rows[0]?.token;
  if (token === undefined) throw new Error("postern.lease has no row");
  return { token };
}

export function leaseLost(): PosternError {
  return new PosternError("run.lease-lost", "Another run has taken this one's lease, and with it the right to go on.");
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
 * (SIGSTOP, a laptop asleep) or its machine is gone. The server rolls back what it had begun. A run that has the lock and not
 * yet the lease asks one query after the other: it is frozen when it has been silent for as long.
 *
 * A run may also fail to renew because it cannot open its second connection (`max_connections`, a pooler), and then it works
 * on. What tells them apart is where the silence is:
 *
 * - the holder itself has waited for its client for as long: nobody is there, or nobody that may go on
 * - the server works for the holder, and the second connection is there and silent: its process is frozen
 * - the server works for the holder, and there is no second connection: left alone until it waits for its client. A run begins no
 *   work before that connection is there or could not be opened, so that this is one that could not open it, or lost it
 *
 * @returns whether a connection was ended; false also when this role may not
 */
export async function endFrozenHolder(client: Queryable, holderPid: number): Promise<boolean> {
  const ended = await client
    .query(
      `select pg_terminate_backend(a.pid) from pg_stat_activity a join postern.runs r on ${isConnectionOf("r")}
       left join postern.lease l on l.name = 'run' and l.run_id = r.run_id
       where a.pid = $1
         and (l.run_id is null or l.renewed_at < clock_timestamp() - make_interval(secs => $2))
         and (${isSilent("a")} or l.run_id is not null and a.state = 'active' and exists (
           select from pg_stat_activity other
           where ${isNamedAfter("other", "r")} and other.pid <> a.pid and other.datid = a.datid and ${isSilent("other")}
         ))`,
      [holderPid, leaseMs / 1000],
    )
    .catch(ignoreRefusal);
  return (ended?.rowCount ?? 0) > 0;
}

/** SQL: whether a backend has waited for its client for as long as a lease lasts, which is `$2` in seconds. */
function isSilent(backend: string): string {
  return `${backend}.state <> 'active' and ${backend}.state_change < clock_timestamp() - make_interval(secs => $2)`;
}

/** 42501: only the holder's own role, its members and superusers may end it. */
function ignoreRefusal(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "42501") return undefined;
  throw error;
}
