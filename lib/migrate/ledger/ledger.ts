import type pg from "pg";
import { type BundleInfo, type HistoryCode, drizzleTable, ledgerSchema } from "#lib/contract.ts";
import type { ErrorReply, RunProgress } from "#lib/protocol.ts";
import { createDrizzleTableSql } from "../history/drizzle-table.ts";
import type { FolderFormat } from "../folder/listing.ts";
import { ledgerVersions, narrowReading, revokeWrites } from "./ledger-versions.ts";
import type { Migration } from "../folder/source.ts";

/** Who does what, with which code: what the ledger keeps of a run. */
export type RunIdentity = {
  readonly runId: string;
  readonly action: string;
  readonly requestedBy: string;
  readonly bundle?: Partial<Pick<BundleInfo, "version" | "gitCommit">> | undefined;
  /** Findings that whoever asked let be. */
  readonly allow?: readonly HistoryCode[] | undefined;
};

/** One row of `postern.runs`. `result` and `error` are what the command printed. */
export type RunRecord = {
  readonly runId: string;
  readonly action: string;
  readonly requestedBy: string;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly outcome: string | null;
  readonly result: unknown;
  readonly error: ErrorReply["error"] | null;
  /** What it last told of itself. */
  readonly progress: RunProgress | null;
  /** False when the run has not ended and its connection is gone: the process died or was cut off. */
  readonly isConnected: boolean;
};

/** As much of a connection as reading takes; a pool lends it too. */
export type Queryable = Pick<pg.ClientBase, "query">;

/** How the ids of the runs of deploys begin, which are made of what is deployed. */
export const deployRunPrefix = "deploy-";

/** Every connection of a run carries this name, so that others can see in `pg_stat_activity` who holds what. */
export function runApplicationName(runId: string): string {
  return `postern run ${runId}`;
}

/** The run whose connection has this name; undefined for a connection of somebody else. Behind the id may stand a name in brackets. */
export function runIdOf(applicationName: string): string | undefined {
  const prefix = runApplicationName("");
  return applicationName.startsWith(prefix) ? applicationName.slice(prefix.length).split(" ")[0] : undefined;
}

/** Any fixed number will do, as long as nobody else's advisory lock has it. */
const ledgerLockKey = "7021866540331862017";

/**
 * Creates or upgrades the ledger; does nothing, and needs no privilege, when it is up to date.
 * The state after a failure is the state before: everything is one transaction.
 *
 * @param format whose table to make where drizzle has none; undefined: who asks knows no folder, and makes none
 */
export async function ensureLedger(client: pg.Client, format?: FolderFormat): Promise<void> {
  if (await isUpToDate(client, format)) return;
  try {
    await client.query(beginLedger);
    const version = await readLedgerVersion(client);
    const statements = [
      ...(await missingSchemas(client)).map((schema) => `create schema "${schema}"`),
      ...(format === undefined ? [] : [createDrizzleTableSql(format)]),
      ...(version === 0 ? ["create table if not exists postern.ledger_version (version integer not null)"] : []),
      ...ledgerVersions.slice(version).filter((one) => one !== revokeWrites),
      revokeWrites,
      narrowReading,
      "delete from postern.ledger_version",
      `insert into postern.ledger_version values (${ledgerVersions.length})`,
    ];
    await client.query([...statements, "commit"].join(";\n"));
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

/**
 * The isolation is said outright: with a role's own default of repeatable read the one that waits would not see what the other has
 * made. The commit is not waited for, because whatever is committed behind it makes it durable.
 */
const beginLedger = [
  "begin isolation level read committed read write",
  "set local synchronous_commit = off",
  // Two first runs at once: the second waits here for milliseconds, then finds the ledger made.
  `select pg_advisory_xact_lock(${ledgerLockKey})`,
].join("; ");

/**
 * Records that a run begins. A run id is used once: an event that AWS delivers twice must not run twice.
 *
 * @returns undefined when the run is new, else what the ledger knows of it
 */
export async function beginRun(client: pg.Client, run: RunIdentity): Promise<RunRecord | undefined> {
  const inserted = await client.query(
    `insert into postern.runs (run_id, action, requested_by, git_commit, bundle_version, overrides, backend_pid)
     values ($1, $2, $3, $4, $5, $6, pg_backend_pid()) on conflict (run_id) do nothing`,
    valuesOf(run),
  );
  return inserted.rowCount === 1 ? undefined : await readRun(client, run.runId);
}

export type RunOutcome = {
  /** The status of the command's result: `applied`, `up-to-date`, `refused`, `failed`, `seeded`… */
  readonly outcome: string;
  readonly result?: unknown;
  readonly error?: ErrorReply["error"] | undefined;
};

/**
 * Records what a run has done within the transaction that does it: committed with it or not at all. The run has not ended; its
 * end (`endRun`) may tell more of the same outcome, and no other.
 */
export async function recordOutcome(client: pg.Client, runId: string, outcome: string, result: unknown): Promise<void> {
  const sql = "update postern.runs set outcome = $2, result = $3 where run_id = $1 and ended_at is null";
  await client.query(sql, [runId, outcome, JSON.stringify(result)]);
}

/**
 * The first end that a run tells stays, and an outcome that was recorded with its work. One that was taken for lost, because its
 * connection was, knows better how it ended.
 */
export async function endRun(client: pg.Client, runId: string, end: RunOutcome): Promise<void> {
  await client.query(
    `update postern.runs
     set ended_at = clock_timestamp(), outcome = $2, sqlstate = $3, result = $4, error = $5
     where run_id = $1 and (outcome is null or outcome = 'lost' or (ended_at is null and outcome = $2))`,
    [
      runId,
      end.outcome,
      end.error?.sqlState ?? null,
      end.result === undefined ? null : JSON.stringify(end.result),
      end.error === undefined ? null : JSON.stringify(end.error),
    ],
  );
}

/**
 * Records a run that is over already.
 *
 * @returns undefined when the run is new, else what the ledger knows of it
 */
export async function recordEndedRun(
  client: pg.Client,
  run: RunIdentity,
  end: RunOutcome,
): Promise<RunRecord | undefined> {
  const inserted = await client.query(
    // Nothing rests on this row, so its commit is not waited for.
    `with quick as materialized (select set_config('synchronous_commit', 'off', true))
     insert into postern.runs
       (run_id, action, requested_by, git_commit, bundle_version, overrides, backend_pid, ended_at, outcome, result, error)
     select $1, $2, $3, $4, $5, $6, pg_backend_pid(), clock_timestamp(), $7, $8, $9 from quick
     on conflict (run_id) do nothing`,
    [
      ...valuesOf(run),
      end.outcome,
      end.result === undefined ? null : JSON.stringify(end.result),
      end.error === undefined ? null : JSON.stringify(end.error),
    ],
  );
  return inserted.rowCount === 1 ? undefined : await readRun(client, run.runId);
}

/** Uses up the id of a run that has not begun: whoever wants to begin it finds its end. Nothing where there is no ledger yet. */
export async function recordNeverBegun(
  client: Queryable,
  { runId, action, requestedBy }: Pick<RunIdentity, "runId" | "action" | "requestedBy">,
  error: ErrorReply["error"],
): Promise<void> {
  if (!(await tableExists(client, ledgerSchema, "runs"))) return;
  await client.query(
    `insert into postern.runs (run_id, action, requested_by, ended_at, outcome, cancelled_by, error)
     values ($1, $2, $3, clock_timestamp(), 'failed', $3, $4) on conflict (run_id) do nothing`,
    [runId, action, requestedBy, JSON.stringify(error)],
  );
}

/**
 * Ends the runs that cannot end themselves any more: begun, not ended, and without a connection. What one has recorded with its
 * work is its outcome. Call it with the run lock held; a run that waits for the lock is connected.
 */
export async function endLostRuns(client: pg.Client, ownRunId: string): Promise<void> {
  await client.query(
    `update postern.runs r set ended_at = clock_timestamp(), outcome = coalesce(outcome, 'lost')
     where r.ended_at is null and r.run_id <> $1
       and not exists (select from pg_stat_activity a where ${isConnectionOf("r")})`,
    [ownRunId],
  );
}

/** Records that a migration of a run failed; `postern.record_applied` does the same for one that was applied. */
export async function recordFailure(
  client: pg.Client,
  runId: string,
  migration: Migration,
  end: { readonly startedAt: Date; readonly sqlState?: string | undefined },
): Promise<void> {
  await client.query(
    `insert into postern.run_migrations (run_id, tag, checksum, started_at, outcome, sqlstate)
     values ($1, $2, $3, $4, 'failed', $5)`,
    [runId, migration.tag, migration.checksum, end.startedAt, end.sqlState ?? null],
  );
}

function valuesOf({ runId, action, requestedBy, bundle, allow = [] }: RunIdentity): unknown[] {
  const overrides = allow.length === 0 ? null : allow.toSorted();
  return [runId, action, requestedBy, bundle?.gitCommit ?? null, bundle?.version ?? null, overrides];
}

/** Tags of what a run has applied, for one that lost its connection. */
export async function readAppliedTags(client: Queryable, runId: string): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ tag: string }>(
    "select tag from postern.run_migrations where run_id = $1 and outcome = 'applied'",
    [runId],
  );
  return new Set(rows.map(({ tag }) => tag));
}

export type LeaseHolder = { readonly token: string; readonly runId: string; readonly requestedBy: string };

/** Who has the run lease now; undefined when nobody ever had it. */
export async function readLeaseHolder(client: Queryable): Promise<LeaseHolder | undefined> {
  const { rows } = await client.query<{ token: string; run_id: string; requested_by: string }>(
    `select l.token::text, l.run_id, r.requested_by from postern.lease l join postern.runs r using (run_id)
     where l.name = 'run'`,
  );
  const row = rows[0];
  return row === undefined ? undefined : { token: row.token, runId: row.run_id, requestedBy: row.requested_by };
}

/** What the ledger knows of a run; undefined when there is no such run, or no ledger yet. */
export async function readRun(client: Queryable, runId: string): Promise<RunRecord | undefined> {
  if (!(await tableExists(client, ledgerSchema, "runs"))) return undefined;
  const { rows } = await client.query<{
    run_id: string;
    action: string;
    requested_by: string;
    started_at: Date;
    ended_at: Date | null;
    outcome: string | null;
    result: unknown;
    error: ErrorReply["error"] | null;
    progress?: RunProgress | null;
    is_connected: boolean;
  }>(
    `select r.*, exists (select from pg_stat_activity a where ${isConnectionOf("r")}) as is_connected
     from postern.runs r where r.run_id = $1`,
    [runId],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    runId: row.run_id,
    action: row.action,
    requestedBy: row.requested_by,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    outcome: row.outcome,
    result: row.result,
    error: row.error,
    progress: row.progress ?? null,
    isConnected: row.is_connected,
  };
}

/**
 * SQL: whether the backend `a` does the work of the run `r`. By name too, and as JSON, because the ledger of an older version
 * has no `backend_pid`; another's connection of the same run only watches it.
 */
export function isConnectionOf(run: string): string {
  const isWorking = `a.pid = coalesce((to_jsonb(${run}) ->> 'backend_pid')::integer, a.pid)`;
  return `a.pid <> pg_backend_pid() and ${isNamedAfter("a", run)} and ${isWorking}`;
}

/**
 * SQL: whether a backend carries the name of a run. Behind it may stand the application's own, in brackets; a run whose id
 * only begins like this one's is another.
 */
export function isNamedAfter(backend: string, run: string): string {
  const name = `'${runApplicationName("")}' || ${run}.run_id`;
  return `(${backend}.application_name = ${name} or starts_with(${backend}.application_name, ${name} || ' ('))`;
}

/**
 * Whether the steps of half-applied migrations can be read: the table exists, and this role may. Asked before reading, for an
 * error would end the transaction of whoever asks.
 */
export async function canReadSteps(client: Queryable): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = 'migration_steps' and has_schema_privilege(n.oid, 'usage')
       and has_column_privilege(c.oid, 'checksum', 'select')`,
    [ledgerSchema],
  );
  return rowCount === 1;
}

/** Migrations that cannot run in a transaction and of which some statements are done. None where they cannot be read. */
export async function readHalfApplied(
  client: Queryable,
): Promise<{ readonly tag: string; readonly statements: number }[]> {
  if (!(await canReadSteps(client))) return [];
  const { rows } = await client.query<{ tag: string; statements: number }>(
    `select tag, count(*) filter (where state = 'done')::integer as statements
     from postern.migration_steps group by tag order by tag`,
  );
  return rows;
}

/**
 * Marks a run as cancelled. Its own second connection sees the mark, and cancels the statement under way.
 *
 * @returns false when there is no such run, or it has ended
 */
export async function requestCancel(client: Queryable, runId: string, requestedBy: string): Promise<boolean> {
  const marked = await client.query(
    "update postern.runs set cancelled_by = $2 where run_id = $1 and ended_at is null",
    [runId, requestedBy],
  );
  return marked.rowCount === 1;
}

async function isUpToDate(client: pg.Client, format: FolderFormat | undefined): Promise<boolean> {
  if ((await readLedgerVersion(client)) < ledgerVersions.length) return false;
  return format === undefined || (await tableExists(client, drizzleTable.schema, drizzleTable.name));
}

async function readLedgerVersion(client: pg.Client): Promise<number> {
  if (!(await tableExists(client, ledgerSchema, "ledger_version"))) return 0;
  const { rows } = await client.query<{ version: number }>("select version from postern.ledger_version");
  return rows[0]?.version ?? 0;
}

/** CREATE SCHEMA IF NOT EXISTS asks for the privilege even when there is nothing to do, and setup makes both schemas. */
async function missingSchemas(client: pg.Client): Promise<string[]> {
  const wanted = [ledgerSchema, drizzleTable.schema];
  const { rows } = await client.query<{ nspname: string }>(
    "select nspname from pg_namespace where nspname = any ($1)",
    [wanted],
  );
  return wanted.filter((schema) => !rows.some(({ nspname }) => nspname === schema));
}

/** Looked up in the catalogs: `to_regclass` fails with 42501 where the role may not use the schema. */
async function tableExists(client: Queryable, schema: string, table: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [schema, table],
  );
  return (rowCount ?? 0) > 0;
}
