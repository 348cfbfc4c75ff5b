import { PosternError } from "#lib/base/errors.ts";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import type { SeedTarget, TargetColumn } from "./target.ts";

/** How rows with these columns are inserted. */
export type SeedInsert = {
  /** The statement: one `text[]` parameter a column. */
  readonly sql: string;
  readonly columns: readonly TargetColumn[];
  /** Unique keys on which a row is passed over, by their columns; those on expressions are not among them. */
  readonly keys: readonly (readonly string[])[];
  /** The statement that inserts what a relation with these columns holds. */
  fromRelation(relation: string): string;
};

/**
 * Builds the statement. It inserts what is new and passes over what is there, so that seeding twice changes nothing.
 *
 * Every value travels as text and is cast in the select: `unnest($1::tags[])` would flatten a column of arrays.
 *
 * @param where the file, or the row that brought these columns
 * @throws PosternError `seed.invalid-file` for a column that does not exist or cannot be given, or when no unique key
 *   can tell a row that is there already
 */
export function buildInsert(
  target: SeedTarget,
  names: readonly string[],
  about: { readonly where: string; readonly conflict?: readonly string[] | undefined },
): SeedInsert {
  const columns = names.map((name) => pickColumn(target, name, about.where));
  const keys = chooseKeys(target, names, about);
  const list = columns.map(({ name }) => quoteIdentifier(name)).join(", ");
  const casts = columns.map(({ type }, index) => `c${index}::${type}`).join(", ");
  const parameters = columns.map((_, index) => `$${index + 1}::text[]`).join(", ");
  const aliases = columns.map((_, index) => `c${index}`).join(", ");
  const overriding = columns.some(({ isIdentityAlways }) => isIdentityAlways) ? " overriding system value" : "";
  const into = `insert into ${target.sql} (${list})${overriding}`;
  const onConflict = `on conflict${keys.arbiter} do nothing`;
  return {
    sql: `${into} select ${casts} from unnest(${parameters}) as u (${aliases}) ${onConflict}`,
    columns,
    keys: keys.columns,
    fromRelation: (relation) => `${into} select ${list} from ${relation} ${onConflict}`,
  };
}

/** `arbiter`: what stands behind ON CONFLICT; empty for all keys. */
type ConflictKeys = { readonly arbiter: string; readonly columns: readonly (readonly string[])[] };

function pickColumn(target: SeedTarget, name: string, where: string): TargetColumn {
  const column = target.columns.get(name);
  if (column === undefined) {
    throw invalid(where, `table ${target.table} has no column ${JSON.stringify(name)}`, describeColumns(target));
  }
  if (column.isGenerated) {
    throw invalid(where, `PostgreSQL computes column ${name} of table ${target.table} itself`, "Leave it out.");
  }
  return column;
}

function describeColumns(target: SeedTarget): string {
  return `Its columns: ${[...target.columns.keys()].join(", ")}.`;
}

/** The primary key decides where the rows give it; else any unique key that they give. */
function chooseKeys(
  target: SeedTarget,
  names: readonly string[],
  about: { readonly where: string; readonly conflict?: readonly string[] | undefined },
): ConflictKeys {
  const { where, conflict } = about;
  if (conflict !== undefined) {
    const key = target.uniqueKeys.find(({ isPlain, columns }) => isPlain && haveSameMembers(columns, conflict));
    if (key === undefined) {
      throw invalid(where, `table ${target.table} has no unique key on (${conflict.join(", ")})`, describeKeys(target));
    }
    if (!includesAll(names, conflict)) {
      throw invalid(where, `the columns lack the key (${conflict.join(", ")})`, doubleHint);
    }
    return arbitrate(conflict);
  }
  const given = target.uniqueKeys.filter(({ columns }) => includesAll(names, columns));
  const primary = given.find(({ isPrimary }) => isPrimary);
  if (primary !== undefined) return arbitrate(primary.columns);
  if (given.length > 0) {
    return { arbiter: "", columns: given.filter(({ isPlain }) => isPlain).map(({ columns }) => columns) };
  }
  throw invalid(
    where,
    `the columns (${names.join(", ")}) hold no unique key of table ${target.table}`,
    `${doubleHint} ${describeKeys(target)}`,
  );
}

function arbitrate(columns: readonly string[]): ConflictKeys {
  return { arbiter: ` (${columns.map(quoteIdentifier).join(", ")})`, columns: [columns] };
}

const doubleHint = "Without a key in the file, seeding twice would double the rows.";

function describeKeys(target: SeedTarget): string {
  const keys = target.uniqueKeys.filter(({ isPlain }) => isPlain).map(({ columns }) => `(${columns.join(", ")})`);
  return keys.length === 0 ? "It has no unique key at all." : `Its unique keys: ${keys.join(", ")}.`;
}

function includesAll(names: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((name) => names.includes(name));
}

function haveSameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && includesAll(a, b);
}

function invalid(where: string, problem: string, hint: string): PosternError {
  return new PosternError("seed.invalid-file", `${where}: ${problem}.`, { hint });
}
