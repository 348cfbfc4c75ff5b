import type { AppliedRow } from "./history.ts";
import type { Migration, MigrationFolder } from "../folder/source.ts";

export type Matches = {
  readonly rowOf: ReadonlyMap<Migration, AppliedRow>;
  /** Rows of a migration that has another row already. */
  readonly duplicates: readonly { readonly row: AppliedRow; readonly migration: Migration }[];
  /** Rows of no migration of the folder. */
  readonly unknown: readonly AppliedRow[];
};

/**
 * Finds each row's migration. Pure, and but for a sort linear in rows and migrations: a rule gives each row the first migration with its key
 * that no rule before has given away.
 *
 * In a folder of drizzle 1.0:
 * 1. By name, its identity.
 * 2. By time and checksum, to the second: drizzle 1.0's own rule for rows of 0.45, whose times have milliseconds.
 * 3. By time, a row without a name: the file was edited after it was applied. A name that is not here is another migration's.
 * 4. By checksum: it was renamed.
 *
 * In a folder with a journal:
 * 1. By time and checksum: two migrations may have the same text, and then the time tells them apart.
 * 2. By time: the file was edited after it was applied.
 * 3. By the name that drizzle 1.0 would give it: 1.0 wrote the row, to the second.
 * 4. By checksum: its time in the journal was changed.
 *
 * Time comes before checksum alone, because drizzle tells migrations apart by it: when an edited migration's old text stands in
 * another file now, the row is the edited one's. What is left belongs to a migration that has its row already, or to none.
 */
export function matchRows({ migrations, format }: MatchedFolder, rows: readonly AppliedRow[]): Matches {
  const rules = format === "folders" ? folderRules : journalRules;
  const rowOf = new Map<Migration, AppliedRow>();
  // The rows are a set: where two could have one migration, it is not their order in the table that decides.
  let left: readonly AppliedRow[] = rows.toSorted(byWhatTheySay);
  for (const { ofRow, ofMigration } of rules) {
    if (left.length === 0) return { rowOf, duplicates: [], unknown: [] };
    left = takeRows(left, Map.groupBy(migrations, ofMigration), ofRow, rowOf);
  }

  const duplicates: { row: AppliedRow; migration: Migration }[] = [];
  const unknown: AppliedRow[] = [];
  const known = rules.map(({ ofMigration }) => new Map(migrations.map((one) => [ofMigration(one), one])));
  for (const row of left) {
    const migration = rules
      .map(({ ofRow }, index) => known[index]?.get(ofRow(row) ?? noKey))
      .find((owner) => owner !== undefined);
    if (migration === undefined) unknown.push(row);
    else duplicates.push({ row, migration });
  }
  return { rowOf, duplicates, unknown };
}

export type MatchedFolder = Pick<MigrationFolder, "migrations"> & Partial<Pick<MigrationFolder, "format">>;

type Rule = {
  /** Undefined: the rule does not hold for this row. */
  readonly ofRow: (row: AppliedRow) => string | undefined;
  readonly ofMigration: (migration: Migration) => string;
};

const byName: Rule = { ofRow: ({ name }) => name, ofMigration: ({ name }) => name };
const byChecksum: Rule = { ofRow: ({ checksum }) => checksum, ofMigration: ({ checksum }) => checksum };

const journalRules: readonly Rule[] = [
  { ofRow: ({ when, checksum }) => `${when} ${checksum}`, ofMigration: ({ when, checksum }) => `${when} ${checksum}` },
  { ofRow: ({ when }) => String(when), ofMigration: ({ when }) => String(when) },
  byName,
  byChecksum,
];

const toSecond = (when: number) => Math.floor(when / 1000);

const folderRules: readonly Rule[] = [
  byName,
  {
    ofRow: ({ when, checksum }) => `${toSecond(when)} ${checksum}`,
    ofMigration: ({ when, checksum }) => `${toSecond(when)} ${checksum}`,
  },
  {
    ofRow: ({ name, when }) => (name === undefined ? String(toSecond(when)) : undefined),
    ofMigration: ({ when }) => String(toSecond(when)),
  },
  byChecksum,
];

/** No migration has it: a tag is never empty, and the other keys are numbers and checksums. */
const noKey = "";

function byWhatTheySay(a: AppliedRow, b: AppliedRow): number {
  return a.when - b.when || compareText(a.checksum, b.checksum) || compareText(a.name ?? "", b.name ?? "");
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Gives each row the first free migration with its key; returns the rows that found none. */
function takeRows(
  rows: readonly AppliedRow[],
  owners: Map<string, Migration[]>,
  ofRow: Rule["ofRow"],
  rowOf: Map<Migration, AppliedRow>,
): readonly AppliedRow[] {
  // Reversed, so that the first is at the end, where taking it costs nothing.
  for (const list of owners.values()) list.reverse();
  return rows.filter((row) => {
    const key = ofRow(row);
    const list = key === undefined ? undefined : owners.get(key);
    for (let owner = list?.pop(); owner !== undefined; owner = list?.pop()) {
      if (rowOf.has(owner)) continue;
      rowOf.set(owner, row);
      return false;
    }
    return true;
  });
}
