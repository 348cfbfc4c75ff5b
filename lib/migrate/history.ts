import type { ErrorCode } from "#lib/base/errors.ts";
import type { Migration, MigrationFolder } from "./source.ts";

/** One row of drizzle's table. */
export type AppliedRow = {
  readonly checksum: string;
  /** `created_at`: the journal time, milliseconds since 1970. */
  readonly when: number;
  /** When it was applied, if the ledger knows; drizzle's own table does not. */
  readonly appliedAt?: Date | undefined;
};

export type HistoryCode = Extract<ErrorCode, `history.${string}`>;

/** Something about folder and database that a person must settle before anything is applied. */
export type HistoryFinding = { readonly code: HistoryCode; readonly tag?: string; readonly message: string };

export type History = {
  readonly applied: readonly { readonly migration: Migration; readonly at: Date }[];
  readonly pending: readonly Migration[];
  readonly findings: readonly HistoryFinding[];
};

/**
 * Compares folder and database as sets, by checksum first and by journal time second. Pure.
 *
 * A row belongs to the migration with its checksum; failing that, to the one with its time (that file was edited after
 * it was applied). A row that belongs to none is a file that went missing, or, when it is newer than the whole folder,
 * a database ahead of this code. A pending migration older than the newest applied one is out of order: drizzle's own
 * migrator would skip it for ever without a word.
 */
export function compareHistory(folder: Pick<MigrationFolder, "migrations">, rows: readonly AppliedRow[]): History {
  const byChecksum = new Map(folder.migrations.map((migration) => [migration.checksum, migration]));
  const byTime = new Map(folder.migrations.map((migration) => [migration.when, migration]));
  const newestInFolder = folder.migrations.reduce(
    (newest, { when }) => Math.max(newest, when),
    Number.NEGATIVE_INFINITY,
  );
  const appliedRows = new Map<Migration, AppliedRow>();
  const findings: HistoryFinding[] = [];

  for (const row of rows) {
    const sameTime = byTime.get(row.when);
    // Two migrations may have the same text (and so one checksum): then the time decides.
    const migration = sameTime?.checksum === row.checksum ? sameTime : (byChecksum.get(row.checksum) ?? sameTime);
    if (migration === undefined) findings.push(describeUnknownRow(row, newestInFolder));
    else if (appliedRows.has(migration)) findings.push(describeDuplicate(migration));
    else {
      appliedRows.set(migration, row);
      if (migration.checksum !== row.checksum) findings.push(describeEdited(migration, row));
    }
  }

  const newestApplied = rows.reduce((newest, { when }) => Math.max(newest, when), Number.NEGATIVE_INFINITY);
  const pending = folder.migrations.filter((migration) => !appliedRows.has(migration));
  for (const migration of pending) {
    if (migration.when < newestApplied) findings.push(describeOutOfOrder(migration));
  }
  const applied = folder.migrations.flatMap((migration) => {
    const row = appliedRows.get(migration);
    return row === undefined ? [] : [{ migration, at: row.appliedAt ?? new Date(row.when) }];
  });
  return { applied, pending, findings };
}

function describeUnknownRow(row: AppliedRow, newestInFolder: number): HistoryFinding {
  const applied = `a migration of ${new Date(row.when).toISOString()} (checksum ${row.checksum.slice(0, 12)})`;
  return row.when > newestInFolder
    ? {
        code: "history.database-ahead",
        message: `The database has ${applied}, which is newer than everything in this folder.`,
      }
    : { code: "history.missing-file", message: `The database has ${applied}, which this folder does not have.` };
}

function describeDuplicate({ tag }: Migration): HistoryFinding {
  return { code: "history.duplicate", tag, message: `${tag} is recorded more than once in the database.` };
}

function describeEdited({ tag, checksum }: Migration, row: AppliedRow): HistoryFinding {
  const seen = `applied with checksum ${row.checksum.slice(0, 12)}, the file has ${checksum.slice(0, 12)}`;
  return { code: "history.edited", tag, message: `${tag} was edited after it was applied: ${seen}.` };
}

function describeOutOfOrder({ tag }: Migration): HistoryFinding {
  return { code: "history.out-of-order", tag, message: `${tag} is not applied, but newer migrations are.` };
}
