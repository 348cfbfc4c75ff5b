import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { HistoryCode } from "#lib/contract.ts";
import type { HealthReport } from "#lib/protocol.ts";
import type { Queryable } from "#lib/migrate/ledger/ledger.ts";
import type { ComparedFolder } from "#lib/migrate/history/history.ts";
import { readStatus } from "#lib/migrate/status.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";

/** A connection as a check needs it, whether from a pool or made for this check. */
type LentConnection = {
  readonly client: Queryable;
  /** Undefined on a plain connection. */
  readonly tlsVersion: string | undefined;
};

/** Where a check gets its connection. */
export interface HealthSource {
  readonly connection: HealthReport["database"]["connection"];
  /** Lends a connection while `use` runs. An aborted signal means that nobody waits for it any more. */
  lend<Result>(use: (lent: LentConnection) => Promise<Result>, signal: AbortSignal): Promise<Result>;
  /** Absent where there is no pool. */
  readonly readPool?: () => NonNullable<HealthReport["database"]["pool"]>;
}

export type HealthCheckOptions = {
  readonly service: string;
  readonly stage: string;
  readonly source: HealthSource;
  /** What the database is compared with; absent: the migrations are not looked at. */
  readonly folder?: ComparedFolder | undefined;
  /** Default 2500: whoever asks has an answer in less than 3 s. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
};

const defaults = Object.freeze({ deadlineMs: 2500 });

/**
 * Looks once. `down`: no query was answered in time. `degraded`: the database answers, and migrations are pending,
 * contradict the folder, or their history cannot be read. Never throws for a database: why it is down is in `database.reason`, as a code without
 * names of hosts or users.
 */
export async function checkHealth(options: HealthCheckOptions): Promise<HealthReport> {
  const { service, stage, source, signal } = options;
  const clock = options.clock ?? systemClock;
  const time = clock.wallTime().toISOString();
  const about = { service, stage, time };
  const where = { connection: source.connection };
  const pool = () => (source.readPool === undefined ? {} : { pool: source.readPool() });
  try {
    const deadlineMs = options.deadlineMs ?? defaults.deadlineMs;
    const { latencyMs, tls, serverVersion, migrations } = await withDeadline(
      (deadline) => source.lend((lent) => look(lent, options, clock), deadline),
      { deadlineMs, clock, signal },
    );
    return {
      status: migrations.isHealthy ? "ok" : "degraded",
      ...about,
      database: { ok: true, latencyMs, tls, serverVersion, ...where, ...pool() },
      migrations: migrations.figures,
    };
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const reason = toPosternError(error).code;
    return { status: "down", ...about, database: { ok: false, reason, ...where, ...pool() }, migrations: null };
  }
}

async function look({ client, tlsVersion }: LentConnection, { folder }: HealthCheckOptions, clock: Clock) {
  const startMs = clock.nowMs();
  const serverVersion = await readServerVersion(client);
  const latencyMs = elapsedMs(clock, startMs);
  return { latencyMs, serverVersion, tls: tlsVersion ?? "none", migrations: await readMigrationState(client, folder) };
}

async function readServerVersion(client: Queryable): Promise<string> {
  try {
    const { rows } = await client.query<{ version: string }>("select current_setting('server_version') as version");
    // Distributions append their own name: "18.4 (Debian 18.4-1)".
    return rows[0]?.version.split(" ", 1)[0] ?? "";
  } catch (error) {
    throw toDatabaseError(error, "reading the server version");
  }
}

type MigrationState = { readonly isHealthy: boolean; readonly figures: HealthReport["migrations"] };

/**
 * While a deploy is under way the database is ahead of the old code, which must be able to live with it. A file that is no
 * migration says nothing of the database.
 */
const harmless: ReadonlySet<string> = new Set<HistoryCode>(["history.database-ahead", "history.unlisted-file"]);

async function readMigrationState(client: Queryable, folder: HealthCheckOptions["folder"]): Promise<MigrationState> {
  if (folder === undefined) return { isHealthy: true, figures: null };
  try {
    const { applied, pending, findings } = await readStatus(client, folder);
    const isContradicted = findings.some(({ code }) => !harmless.has(code));
    return {
      isHealthy: pending.length === 0 && !isContradicted,
      figures: { applied: applied.length, pending: pending.length },
    };
  } catch (error) {
    // The server answered, with a refusal. Anything else means that it is no longer there.
    if (error instanceof PosternError && error.sqlState !== undefined) return { isHealthy: false, figures: null };
    throw error;
  }
}

type Deadline = { readonly deadlineMs: number; readonly clock: Clock; readonly signal: AbortSignal | undefined };

/** Gives up on `work`, and tells it, when the deadline or the caller's abort comes first. */
async function withDeadline<Result>(
  work: (signal: AbortSignal) => Promise<Result>,
  { deadlineMs, clock, signal }: Deadline,
): Promise<Result> {
  const overdue = new AbortController();
  const done = new AbortController();
  const timer = async (): Promise<never> => {
    await clock.sleep(deadlineMs, AbortSignal.any([done.signal, ...(signal === undefined ? [] : [signal])]));
    throw new PosternError("db.timeout", `The database did not answer within ${deadlineMs} ms.`);
  };
  try {
    return await Promise.race([work(overdue.signal), timer()]);
  } finally {
    done.abort();
    overdue.abort();
  }
}
