import type pg from "pg";
import type { MigrateResult } from "#lib/contract.ts";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { applyMigration } from "./apply.ts";
import { compareHistory, type History } from "./history.ts";
import { readAppliedRows, type RunIdentity } from "./ledger.ts";
import type { LockHolder } from "./lock.ts";
import { recordRun } from "./recorded-run.ts";
import type { MigrationFolder } from "./source.ts";

export type MigrateOptions = {
  readonly folder: MigrationFolder;
  /** Made by the caller, once; the same id again gives the first run's outcome and applies nothing. */
  readonly runId: string;
  readonly requestedBy: string;
  readonly bundle?: RunIdentity["bundle"];
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
 * 1. Compare folder and database; a contradiction is refused with the database untouched.
 * 2. Record the run and take the run lock (see `recordRun`).
 * 3. Compare again: the run that we waited for may have done all the work.
 * 4. Apply what is pending, each migration in its own transaction with its bookkeeping.
 *
 * After a failure every migration before the failed one is applied and recorded, of the failed one nothing is kept, and
 * the run can be repeated under a new id. A refusal and a failed migration are results; not getting as far as a run
 * (no connection, no privilege, lock held) is thrown.
 */
export async function migrate(client: pg.Client, options: MigrateOptions): Promise<MigrateResult> {
  const { folder, runId, requestedBy, bundle, signal, onProgress } = options;
  const clock = options.clock ?? systemClock;
  const run = { runId, clock, startMs: clock.nowMs(), signal, onProgress };
  const before = await readHistory(client, folder);
  if (before.findings.length > 0) return refuse(before, run);

  const { lockWaitMs } = options;
  const onWait = (holder: LockHolder | undefined) => onProgress?.({ step: "waiting", holder });
  const identity = { runId, action: "migrate", requestedBy, bundle };
  return await recordRun(client, { ...identity, lockWaitMs, clock, signal, onWait }, async () => {
    const history = await readHistory(client, folder);
    const result = history.findings.length > 0 ? refuse(history, run) : await applyPending(client, history, run);
    return { outcome: result.status, result, error: result.error };
  });
}

type Run = Pick<MigrateOptions, "runId" | "signal" | "onProgress"> & {
  readonly clock: Clock;
  readonly startMs: number;
};

async function readHistory(client: pg.Client, folder: MigrationFolder): Promise<History> {
  try {
    return compareHistory(folder, await readAppliedRows(client));
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

function refuse({ findings, pending }: History, run: Run): MigrateResult {
  const [first, ...others] = findings;
  if (first === undefined) throw new PosternError("internal", "There is nothing to refuse.");
  const more = others.length > 0 ? ` (and ${others.length} more: see \`postern status\`)` : "";
  const error = new PosternError(first.code, `${first.message}${more}`).toDocument();
  const ms = elapsedMs(run.clock, run.startMs);
  return { status: "refused", applied: [], pending: pending.map(({ tag }) => tag), runId: run.runId, ms, error };
}
