import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { Rename } from "./renames.ts";
import type { Tables } from "./catalog.ts";

/** Where it would take a guess whether something was renamed. */
export type PossibleRename = {
  /** For people. */
  readonly message: string;
  /** Entries of `renames.json` that would settle it. */
  readonly entries: readonly Rename[];
};

/** So much of the columns of both a new table shares with one that the file does not have, if it is that one. */
const sharedColumns = 0.75;

/**
 * Finds what may be a rename and may be something new. Taking a rename for something new would leave the rows behind (a
 * table) or drop them (a column).
 *
 * - A column: a table that both lacks columns of the file and has others.
 * - A table: one that the database lacks, beside one that the file lacks and that has nearly the same columns. A file
 *   may leave tables to others, so that one it does not know says nothing by itself; and a mistake loses nothing: the other
 *   table stays, and is named as left alone.
 *
 * Pure.
 */
export function findPossibleRenames(
  wanted: SchemaDescription["tables"],
  tables: Tables,
  renames: readonly Rename[],
): PossibleRename[] {
  const declaredNew = new Set(renames.flatMap((rename) => ("new" in rename ? [rename.new] : [])));
  const unknown = [...tables].filter(([label]) => wanted[label] === undefined);
  return Object.entries(wanted).flatMap(([label, columns]) => {
    const there = tables.get(label);
    if (there !== undefined) return renamedColumns(label, columns, there.columns);
    return declaredNew.has(label) ? [] : renamedTable(label, columns, unknown);
  });
}

function renamedColumns(label: string, wanted: readonly string[], there: readonly string[]): PossibleRename[] {
  const added = wanted.filter((column) => !there.includes(column));
  const gone = there.filter((column) => !wanted.includes(column));
  const [firstAdded] = added;
  const [firstGone] = gone;
  if (firstAdded === undefined || firstGone === undefined) return [];
  const message = `${label} would lose ${gone.join(", ")} and get ${added.join(", ")}: renamed, or new?`;
  return [{ message, entries: [{ column: `${label}.${firstGone}`, to: firstAdded }] }];
}

function renamedTable(
  label: string,
  wanted: readonly string[],
  unknown: readonly (readonly [string, { readonly columns: readonly string[] }])[],
): PossibleRename[] {
  const [schema, name = ""] = label.split(".");
  const alike = unknown.find(([other, { columns }]) => {
    const shared = wanted.filter((column) => columns.includes(column)).length;
    const all = wanted.length + columns.length - shared;
    return other.startsWith(`${schema}.`) && shared > 0 && shared >= sharedColumns * all;
  });
  if (alike === undefined) return [];
  const [old] = alike;
  const message = `${label} is not there, and ${old}, which the schema file does not have, looks like it: renamed, or new?`;
  return [{ message, entries: [{ table: old, to: name }, { new: label }] }];
}
