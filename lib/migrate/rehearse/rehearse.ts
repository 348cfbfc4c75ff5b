import type pg from "pg";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { HistoryCode } from "#lib/contract.ts";
import type { RehearsalResult, RehearsedMigration } from "#lib/protocol.ts";
import { beginStatement } from "../apply/message.ts";
import { partitionFacts } from "../hazards/table.ts";
import { type ComparedFolder, findRefused } from "../history/history.ts";
import type { RunIdentity } from "../ledger/ledger.ts";
import type { LockHolder } from "../run/lock.ts";
import { LockObserver } from "./observed-locks.ts";
import { preparePlan, type PreparedPlan } from "../plan/plan.ts";
import { recordRun, type RecordedRunOptions, type RunContext } from "../run/recorded-run.ts";
import type { RunConnections } from "../run/run-connections.ts";
import { type RehearsedOne, rehearseMigration } from "./rehearse-migration.ts";
import { findIrrevocable } from "../sql/irrevocable.ts";
import { findOutsideTransaction } from "../sql/outside-transaction.ts";
import type { ParsedMigration } from "../sql/parse-migration.ts";

export type RehearseOptions = {
  readonly folder: ComparedFolder;
  readonly runId: string;
  readonly requestedBy: string;
  readonly bundle?: RunIdentity["bundle"];
  /** Findings that are let be. Default: none. */
  readonly allow?: readonly HistoryCode[] | undefined;
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number;
  /** How long a statement may queue for a lock, and others behind it. Default 500. */
  readonly lockTimeoutMs?: number;
  /** How long a statement may work under its locks. Default 5 000. */
  readonly statementTimeoutMs?: number;
  /** After this nothing more begins, for all locks are held until the end. Default 20 000. */
  readonly totalMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
  readonly onUnwatched?: RecordedRunOptions["onUnwatched"];
  readonly clock?: Clock;
};

const defaults = Object.freeze({
  lockWaitMs: 60_000,
  lockTimeoutMs: 500,
  statementTimeoutMs: 5000,
  totalMs: 20_000,
});

/**
 * Runs what is pending for real, in one transaction that is rolled back, and says what it did to the tables.
 *
 * 1. Plan; a history that contradicts the folder is refused.
 * 2. Record the run and take the run lock (see `recordRun`), so that no migrate works on the same tables.
 * 3. Begin; statements that wait for a lock or work for too long fail here instead of stopping the application.
 * 4. Run each migration, skipping what cannot be rolled back; check its deferred constraints, as its commit would.
 *    Stop at the first failure, at the time limit and when called off.
 * 5. Roll back, always.
 *
 * Afterwards the database is as before, but for the ledger's row, for gaps in sequences, and for the dead rows that a
 * rolled back UPDATE leaves to vacuum. What fails here only because one transaction stands for several (a new enum
 * value in use, triggers pending) is no failure of the migration: it is said and ends the rehearsal.
 */
export async function rehearse(connections: RunConnections, options: RehearseOptions): Promise<RehearsalResult> {
  const { client } = connections;
  const { folder, runId, requestedBy, bundle, allow, signal, onWait, onUnwatched } = options;
  const clock = options.clock ?? systemClock;
  const startMs = clock.nowMs();
  const finish = (plan: PreparedPlan, outcome: Outcome): RehearsalResult => ({
    ...outcome,
    planHash: plan.planHash,
    runId,
    ms: elapsedMs(clock, startMs),
  });
  const before = await preparePlan(client, folder);
  const refusal = findRefusal(before, allow);
  if (refusal !== undefined) return finish(before, refusal);
  const lockWaitMs = options.lockWaitMs ?? defaults.lockWaitMs;
  const identity = { runId, action: "rehearse", requestedBy, bundle, allow, folderFormat: folder.format };
  const watching = { lockWaitMs, clock, signal, onWait, onUnwatched };
  return await recordRun(connections, { ...identity, ...watching }, async (run) => {
    const plan = await preparePlan(client, folder);
    const outcome = findRefusal(plan, allow) ?? (await runAndRollBack(client, plan, options, run));
    const result = finish(plan, outcome);
    return { outcome: result.status, result, error: result.error };
  });
}

type Outcome = Pick<RehearsalResult, "status" | "migrations" | "error">;

function findRefusal({ history }: PreparedPlan, allow: readonly HistoryCode[] | undefined): Outcome | undefined {
  const [first] = findRefused(history, allow);
  if (first === undefined) return undefined;
  const error = new PosternError(first.code, first.message).toDocument();
  return { status: "refused", migrations: [], error };
}

async function runAndRollBack(
  client: pg.Client,
  plan: PreparedPlan,
  options: RehearseOptions,
  run: RunContext,
): Promise<Outcome> {
  const { lockTimeoutMs, statementTimeoutMs, totalMs } = { ...defaults, ...options };
  const limits = { run, endMs: run.clock.nowMs() + totalMs };
  const migrations: RehearsedMigration[] = [];
  let last: RehearsedOne | undefined;
  await client.query(beginStatement);
  try {
    const observer = await LockObserver.start(client);
    for (const parsed of plan.parsed) {
      const { tag } = parsed.migration;
      const reason = whyNotRehearsed(parsed, plan);
      if (last !== undefined) migrations.push({ tag, outcome: "not-reached", ms: 0, statements: [] });
      else if (reason !== undefined) migrations.push({ tag, outcome: "skipped", reason, ms: 0, statements: [] });
      else {
        await client.query(limitsOf(lockTimeoutMs, statementTimeoutMs));
        const one = await rehearseMigration(client, parsed, observer, limits);
        migrations.push(one.migration);
        if (one.isLast) last = one;
      }
    }
  } finally {
    // On a connection that is gone the server has rolled back by itself.
    await client.query("rollback").catch(() => undefined);
  }
  if (last?.error !== undefined) return { status: "failed", migrations, error: last.error.toDocument() };
  const reason: unknown = run.monitor.signal.reason;
  if (reason instanceof PosternError) return { status: "partial", migrations, error: reason.toDocument() };
  return { status: migrations.every(({ outcome }) => outcome === "passed") ? "passed" : "partial", migrations };
}

/**
 * Said anew for each migration, for the one before may have set its own. The last two let go of every lock when this
 * process freezes or its machine goes away.
 */
function limitsOf(lockTimeoutMs: number, statementTimeoutMs: number): string {
  return `set local lock_timeout = ${lockTimeoutMs};
    set local statement_timeout = ${statementTimeoutMs};
    set local idle_in_transaction_session_timeout = 5000;
    set local client_connection_check_interval = 500`;
}

function whyNotRehearsed(
  { migration, statements }: ParsedMigration,
  { facts, begun }: PreparedPlan,
): string | undefined {
  if (begun.has(migration.tag)) return "some of its statements have run already";
  const [outside] = findOutsideTransaction(statements, partitionFacts(facts)).values();
  if (outside !== undefined) return `${outside} cannot run in a transaction, so nothing could be rolled back`;
  return findIrrevocable(statements);
}
