import type { HistoryCode } from "#lib/contract.ts";
import { latestTime } from "../folder/listing.ts";
import { type MatchedFolder, matchRows } from "./match-rows.ts";
import type { Migration, MigrationFolder } from "../folder/source.ts";

/** One row of drizzle's table. */
export type AppliedRow = {
  readonly checksum: string;
  /** `created_at`: milliseconds since 1970, of drizzle 1.0 to the second. */
  readonly when: number;
  /** drizzle 1.0's name of the migration; 0.45 has none. */
  readonly name?: string | undefined;
  /** When it was applied, if the ledger or drizzle 1.0 knows. */
  readonly appliedAt?: Date | undefined;
};

/** Something about folder and database that a person must settle before anything is applied. */
export type HistoryFinding = { readonly code: HistoryCode; readonly tag?: string; readonly message: string };

export type History = {
  readonly applied: readonly { readonly migration: Migration; readonly at: Date }[];
  readonly pending: readonly Migration[];
  readonly findings: readonly HistoryFinding[];
};

/** As much of a folder as its history takes. */
export type ComparedFolder = MatchedFolder & Partial<Pick<MigrationFolder, "unlisted">>;

/**
 * Compares folder and database as sets. Pure.
 *
 * Each row is matched with its migration (`matchRows`). A row that belongs to none is a file that went missing, or, when it
 * is newer than the whole folder, a database ahead of this code. A pending migration older than the newest applied one is
 * out of order: drizzle 0.45 would skip it for ever without a word, 1.0 would apply it without one.
 */
export function compareHistory(folder: ComparedFolder, rows: readonly AppliedRow[]): History {
  const { migrations, unlisted = [] } = folder;
  const { rowOf, duplicates, unknown } = matchRows(folder, rows);
  const newestInFolder = latest(migrations);
  // drizzle 0.45 goes by the times in the table; 1.0 does not look at them.
  const newestApplied = findNewest([...rowOf.keys()], folder.format === "folders" ? unknown : rows);
  const pending = migrations.filter((migration) => !rowOf.has(migration));
  return {
    applied: migrations.flatMap((migration) => {
      const row = rowOf.get(migration);
      return row === undefined ? [] : [{ migration, at: row.appliedAt ?? toDate(row.when) }];
    }),
    pending,
    findings: [
      ...unknown.map((row) => describeUnknownRow(row, newestInFolder)),
      ...duplicates.map(({ migration }) => describeDuplicate(migration)),
      ...migrations.flatMap((migration) => describeEdited(migration, rowOf.get(migration))),
      ...pending.filter((migration) => isOlder(migration, newestApplied)).map(describeOutOfOrder),
      ...unlisted.map(describeUnlisted),
    ],
  };
}

/**
 * The history with what half-applied migrations contradict: one whose statements have run in part must be pending, so that it
 * goes on. It is not when its file was renamed or removed, or was recorded as applied by somebody else. Pure.
 *
 * @param begun tags of the migrations of which some statement has run on its own
 */
export function withHalfApplied(history: History, begun: ReadonlySet<string>): History {
  const pending = new Set(history.pending.map(({ tag }) => tag));
  const lost = [...begun].filter((tag) => !pending.has(tag));
  return { ...history, findings: [...history.findings, ...lost.map(describeHalfApplied)] };
}

/**
 * The findings that nobody has allowed. Nothing may be applied while there is one. What is allowed changes nothing of what
 * is pending, so that a plan, and an approval of it, are the same with it and without.
 */
export function findRefused(
  { findings }: Pick<History, "findings">,
  allow: readonly HistoryCode[] = [],
): readonly HistoryFinding[] {
  return findings.filter(({ code }) => !allow.includes(code));
}

type Newest = { readonly when: number; readonly index: number };

function latest(all: readonly { readonly when: number }[]): number {
  return all.reduce((newest, { when }) => Math.max(newest, when), Number.NEGATIVE_INFINITY);
}

/** The latest of what is applied, by its time in the folder and those of the rows. */
function findNewest(applied: readonly Migration[], rows: readonly AppliedRow[]): Newest {
  const when = Math.max(latest(applied), latest(rows));
  const index = applied.reduce((last, one) => (one.when === when ? Math.max(last, one.index) : last), -1);
  return { when, index };
}

/** In a folder of 1.0 two may have the same time; then their names give the order. */
function isOlder({ when, index }: Newest, newest: Newest): boolean {
  return when < newest.when || (when === newest.when && index < newest.index);
}

function describeUnknownRow(row: AppliedRow, newestInFolder: number): HistoryFinding {
  const what = row.name ?? `a migration of ${toDate(row.when).toISOString()}`;
  const applied = `${what} (checksum ${row.checksum.slice(0, 12)})`;
  return row.when > newestInFolder
    ? {
        code: "history.database-ahead",
        message: `The database has ${applied}, which is newer than everything in this folder.`,
      }
    : { code: "history.missing-file", message: `The database has ${applied}, which this folder does not have.` };
}

function describeHalfApplied(tag: string): HistoryFinding {
  return {
    code: "history.half-applied",
    tag,
    message: `Some statements of ${tag} have run on their own, and it is not pending here: it was renamed, removed or recorded.`,
  };
}

function describeDuplicate({ tag }: Migration): HistoryFinding {
  return { code: "history.duplicate", tag, message: `${tag} is recorded more than once in the database.` };
}

function describeEdited({ tag, checksum }: Migration, row: AppliedRow | undefined): HistoryFinding[] {
  if (row === undefined || row.checksum === checksum) return [];
  const seen = `applied with checksum ${row.checksum.slice(0, 12)}, the file has ${checksum.slice(0, 12)}`;
  return [{ code: "history.edited", tag, message: `${tag} was edited after it was applied: ${seen}.` }];
}

function describeOutOfOrder({ tag }: Migration): HistoryFinding {
  return { code: "history.out-of-order", tag, message: `${tag} is not applied, but newer migrations are.` };
}

function describeUnlisted(file: string): HistoryFinding {
  const message = `${file} is in the folder, but is none of its migrations: it would never be applied.`;
  return { code: "history.unlisted-file", tag: file.slice(0, -".sql".length), message };
}

/** The table takes any bigint; a `Date` ends some 273,790 years from now. */
function toDate(when: number): Date {
  return new Date(Math.min(Math.max(when, -latestTime), latestTime));
}
