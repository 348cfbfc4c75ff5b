import type { RunProgress } from "#lib/protocol.ts";
import { describeBlockers } from "#lib/migrate/run/blockers.ts";
import { runIdOf } from "#lib/migrate/ledger/ledger.ts";
import type { MigrateProgress } from "#lib/migrate/migrate.ts";

/** Where a run on a stage stands, on one line: `0003_orders (4 of 6), statement 2 of 5`. */
export function describeRunProgress({ what, migration, statement, rows, blockedBy = [] }: RunProgress): string {
  const parts = [
    migration === undefined ? what : `${what} (${migration.n} of ${migration.of})`,
    ...(statement === undefined ? [] : [`statement ${statement.n} of ${statement.of}`]),
    ...(rows === undefined ? [] : [`${rows} rows`]),
    ...(blockedBy.length === 0 ? [] : [`waits for a lock of ${describeBlockers(blockedBy)}`]),
  ];
  return parts.join(", ");
}

/** What happened in a run right here, on one line. */
export function describeMigrateProgress(progress: MigrateProgress): string {
  switch (progress.step) {
    case "waiting":
      return `waiting for ${progress.holder?.applicationName ?? "another run"} to end`;
    case "stole": {
      const { applicationName, pid } = progress.holder;
      const runId = runIdOf(applicationName);
      return `ended ${runId === undefined ? `backend ${pid}` : `run ${runId}`}, which held the lock`;
    }
    case "applied":
      return `applied ${progress.tag} (${progress.ms} ms)`;
    case "statement-done":
      return `${progress.tag}: statement ${progress.statement} of ${progress.of} is done`;
    case "resumed":
      return `${progress.tag}: goes on at statement ${progress.statement} of ${progress.of}`;
    case "unwatched":
      return describeUnwatched(progress);
    case "not-checked":
      return progress.reason;
    case "dropped-invalid-index":
      return `${progress.tag}: dropped ${progress.index}, which a failed build had left invalid`;
    case "blocked": {
      const by = progress.blockers.length === 0 ? "somebody" : describeBlockers(progress.blockers);
      const again = `attempt ${progress.attempt + 1} in ${(progress.retryMs / 1000).toFixed(1)} s`;
      return `${progress.tag}: did not get its lock, blocked by ${by}; ${again}`;
    }
    default:
      return progress satisfies never;
  }
}

export function describeUnwatched({ reason }: { readonly reason: string }): string {
  return `goes on without its second connection, so that no cancel is heard: ${reason}`;
}
