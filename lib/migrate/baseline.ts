import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { nearestNames } from "#lib/base/nearest-names.ts";
import type { HistoryCode } from "#lib/contract.ts";
import type { MigrateResult } from "#lib/protocol.ts";
import { readAllStepsAtOnce } from "./apply/steps/recorded-steps.ts";
import { insertAppliedSql, readAppliedRows, readDrizzleLayout } from "./history/drizzle-table.ts";
import { compareHistory, findRefused, type History, withHalfApplied } from "./history/history.ts";
import type { RunIdentity } from "./ledger/ledger.ts";
import type { LockHolder } from "./run/lock.ts";
import { recordRun, type RecordedRunOptions } from "./run/recorded-run.ts";
import type { RunConnections } from "./run/run-connections.ts";
import type { Migration, MigrationFolder } from "./folder/source.ts";

export type BaselineOptions = {
  readonly folder: MigrationFolder;
  /** The last migration that the database has already. */
  readonly tag: string;
  /** Made by the caller, once; the same id again gives the first run's outcome and records nothing. */
  readonly runId: string;
  readonly requestedBy: string;
  readonly bundle?: RunIdentity["bundle"];
  /** Findings that are let be. On an empty history only an unlisted file can be one. */
  readonly allow?: readonly HistoryCode[] | undefined;
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number | undefined;
  /** Danger: ends the run that holds the lock. Default false. */
  readonly stealLock?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
  readonly onUnwatched?: RecordedRunOptions["onUnwatched"];
  readonly clock?: Clock;
};

/**
 * Adopts a database that was made otherwise: records every migration up to and including the tag as applied, in drizzle's
 * table, and runs none of them. Whether the database really has what they make is not looked at.
 *
 * 1. Find the tag in the folder.
 * 2. Record the run and take the run lock (see `recordRun`).
 * 3. Refuse a history that is not empty, and a folder with findings that nobody allowed.
 * 4. Record them all, in one transaction.
 *
 * After a failure, and after a refusal, drizzle's table is as before. It loses no data and runs none of the folder's SQL, so
 * that a protected stage wants no approval: what a wrong tag makes `migrate` do next is approved there.
 *
 * @throws PosternError `baseline.unknown-tag`, and those of `recordRun`
 */
export async function baseline(connections: RunConnections, options: BaselineOptions): Promise<MigrateResult> {
  const { client } = connections;
  const { folder, runId, requestedBy, bundle, allow, lockWaitMs, stealLock, signal, onWait, onUnwatched } = options;
  const clock = options.clock ?? systemClock;
  const startMs = clock.nowMs();
  const migrations = selectBaseline(folder, options.tag);
  const identity = { runId, action: "baseline", requestedBy, bundle, allow, folderFormat: folder.format };
  const waiting = { lockWaitMs, stealLock, clock, signal, onWait, onUnwatched };
  return await recordRun(connections, { ...identity, ...waiting }, async (run) => {
    const layout = await readDrizzleLayout(client);
    const appliedRows = await readAppliedRows(client, { layout, withTimes: false });
    const begun = new Set((await readAllStepsAtOnce(client)).keys());
    const history = withHalfApplied(compareHistory(folder, appliedRows), begun);
    const refusal = findRefusal(history, begun, allow);
    if (refusal === undefined) {
      run.signal.throwIfAborted();
      const rows = migrations.map((migration) => insertAppliedSql(migration, layout));
      // One message with several statements is one transaction; without the lease none of it is kept.
      await client.query([`select postern.hold_lease(${run.lease.token})`, ...rows].join(";\n"));
    }
    const outcome = refusal === undefined ? record(migrations, history) : refuse(refusal, history);
    const result = { ...outcome, applied: [], runId, ms: elapsedMs(clock, startMs) };
    return { outcome: result.status, result, error: result.error };
  });
}

/**
 * What a baseline of this tag records. Pure.
 *
 * @throws PosternError `baseline.unknown-tag`, with tags that are near
 */
export function selectBaseline({ dir, migrations }: MigrationFolder, tag: string): readonly Migration[] {
  const index = migrations.findIndex((migration) => migration.tag === tag);
  if (index !== -1) return migrations.slice(0, index + 1);
  const near = nearestNames(
    tag,
    migrations.map((migration) => migration.tag),
  );
  const known = near.length === 0 ? "it has no migrations" : `near it are ${near.join(", ")}`;
  throw new PosternError(
    "baseline.unknown-tag",
    `The folder ${dir} has no migration ${JSON.stringify(tag)}: ${known}.`,
  );
}

function findRefusal(
  history: History,
  begun: ReadonlySet<string>,
  allow: readonly HistoryCode[] | undefined,
): PosternError | undefined {
  const there = [
    ...[...begun].map((tag) => `${tag} (half applied)`),
    ...history.applied.map(({ migration: { tag } }) => tag),
    ...history.findings
      .filter(({ code }) => code === "history.missing-file" || code === "history.database-ahead")
      .map(({ message }) => message),
  ];
  if (there.length > 0) {
    const more = there.length > maxListed ? `, and ${there.length - maxListed} more` : "";
    const seen = `${there.slice(0, maxListed).join(", ")}${more}`;
    return new PosternError("baseline.not-empty", `The database has a history already: ${seen}.`);
  }
  const [first] = findRefused(history, allow);
  return first === undefined ? undefined : new PosternError(first.code, first.message);
}

const maxListed = 5;

type Outcome = Pick<MigrateResult, "status" | "baselined" | "pending" | "error">;

function record(migrations: readonly Migration[], { pending }: History): Outcome {
  return {
    status: "applied",
    baselined: migrations.map(({ tag }) => tag),
    pending: pending.slice(migrations.length).map(({ tag }) => tag),
  };
}

function refuse(reason: PosternError, { pending }: History): Outcome {
  return { status: "refused", baselined: [], pending: pending.map(({ tag }) => tag), error: reason.toDocument() };
}
