import type pg from "pg";
import type { HistoryCode, MigrateResult } from "#lib/contract.ts";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { applyMigration } from "./apply.ts";
import { findUnapproved } from "./approval.ts";
import { readAppliedRows } from "./drizzle-table.ts";
import { type AppliedRow, compareHistory, findRefused, type History, type HistoryFinding } from "./history.ts";
import type { RunIdentity } from "./ledger.ts";
import type { LockHolder } from "./lock.ts";
import { hashPlan } from "./plan-hash.ts";
import { recordRun } from "./recorded-run.ts";
import type { MigrationFolder } from "./source.ts";
import { refuseUnfitMigrations } from "./sql/refuse-unfit.ts";

export type MigrateOptions = {
  readonly folder: MigrationFolder;
  /** Made by the caller, once; the same id again gives the first run's outcome and applies nothing. */
  readonly runId: string;
  readonly requestedBy: string;
  readonly bundle?: RunIdentity["bundle"];
  /** Refuse a plan that loses data, or may, unless it is approved. Default false. */
  readonly isProtected?: boolean;
  /** Hash of the plan that was read and approved: any other is refused. */
  readonly approve?: string | undefined;
  /** Findings that are let be. Default: none. */
  readonly allow?: readonly HistoryCode[] | undefined;
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MigrateProgress) => void) | undefined;
  readonly clock?: Clock;
};

export type MigrateProgress =
  | { readonly step: "waiting"; readonly holder: LockHolder | undefined }
  | { readonly step: "applied"; readonly tag: string; readonly ms: number };

/**
 * Brings the database to the state of the folder.
 *
 * 1. Compare folder and database, and read the pending SQL; a contradiction, and SQL that would break out of its
 *    transaction, is refused with the database untouched.
 * 2. Record the run and take the run lock (see `recordRun`).
 * 3. Compare again: the run that we waited for may have done all the work.
 * 4. Refuse what was not approved (see `findUnapproved`).
 * 5. Apply what is pending, each migration in its own transaction with its bookkeeping.
 *
 * After a failure every migration before the failed one is applied and recorded, of the failed one nothing is kept, and
 * the run can be repeated under a new id. A refusal and a failed migration are results; not getting as far as a run
 * (no connection, no privilege, lock held) is thrown.
 */
export async function migrate(client: pg.Client, options: MigrateOptions): Promise<MigrateResult> {
  const { folder, runId, requestedBy, bundle, allow, signal, onProgress } = options;
  const clock = options.clock ?? systemClock;
  const run = { runId, clock, startMs: clock.nowMs(), signal, onProgress };
  const before = await readHistory(client, folder);
  const refused = findRefused(before.history, allow);
  if (refused.length > 0) return refuseFindings(refused, before.history, run);

  await refuseUnfitMigrations(before.history.pending);

  const { lockWaitMs } = options;
  const onWait = (holder: LockHolder | undefined) => onProgress?.({ step: "waiting", holder });
  const identity = { runId, action: "migrate", requestedBy, bundle, allow, folderFormat: folder.format };
  return await recordRun(client, { ...identity, lockWaitMs, clock, signal, onWait }, async () => {
    const result = await work(client, options, run);
    return { outcome: result.status, result, error: result.error };
  });
}

type Run = Pick<MigrateOptions, "runId" | "signal" | "onProgress"> & {
  readonly clock: Clock;
  readonly startMs: number;
};

/** What is done under the run lock. */
async function work(client: pg.Client, options: MigrateOptions, run: Run): Promise<MigrateResult> {
  const { folder, isProtected = false, approve, allow } = options;
  const { history, rows } = await readHistory(client, folder);
  const refused = findRefused(history, allow);
  if (refused.length > 0) return refuseFindings(refused, history, run);
  const unapproved = await findUnapproved(client, folder, { history, rows }, { isProtected, approve });
  if (unapproved !== undefined) return refuse(unapproved, history, run);
  const result = await applyPending(client, history, run);
  if (result.status !== "partial" || approve === undefined) return result;
  const [done, left] = [history.pending.slice(0, result.applied.length), history.pending.slice(result.applied.length)];
  return { ...result, planHash: hashPlan({ pending: left }, [...rows, ...done]) };
}

type ReadHistory = { readonly history: History; readonly rows: readonly AppliedRow[] };

async function readHistory(client: pg.Client, folder: MigrationFolder): Promise<ReadHistory> {
  try {
    const rows = await readAppliedRows(client);
    return { history: compareHistory(folder, rows), rows };
  } catch (error) {
    throw toDatabaseError(error, "reading the migration history");
  }
}

async function applyPending(client: pg.Client, { pending }: History, run: Run): Promise<MigrateResult> {
  const applied: string[] = [];
  const finish = (status: MigrateResult["status"], error?: PosternError): MigrateResult => ({
    status,
    applied,
    pending: pending.slice(applied.length).map(({ tag }) => tag),
    runId: run.runId,
    ms: elapsedMs(run.clock, run.startMs),
    ...(error === undefined ? {} : { error: error.toDocument() }),
  });
  for (const migration of pending) {
    if (run.signal?.aborted === true) return finish("partial");
    const startMs = run.clock.nowMs();
    try {
      await applyMigration(client, migration, run);
    } catch (error) {
      return finish("failed", toPosternError(error));
    }
    applied.push(migration.tag);
    run.onProgress?.({ step: "applied", tag: migration.tag, ms: elapsedMs(run.clock, startMs) });
  }
  return finish(applied.length === 0 ? "up-to-date" : "applied");
}

function refuseFindings(findings: readonly HistoryFinding[], history: History, run: Run): MigrateResult {
  const [first, ...others] = findings;
  if (first === undefined) throw new PosternError("internal", "There is nothing to refuse.");
  const more = others.length > 0 ? ` (and ${others.length} more: see \`postern status\`)` : "";
  return refuse(new PosternError(first.code, `${first.message}${more}`), history, run);
}

function refuse(reason: PosternError, { pending }: History, run: Run): MigrateResult {
  const ms = elapsedMs(run.clock, run.startMs);
  const error = reason.toDocument();
  return { status: "refused", applied: [], pending: pending.map(({ tag }) => tag), runId: run.runId, ms, error };
}
