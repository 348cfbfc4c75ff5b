import { quoteIdentifier, quoteQualified } from "#lib/postgres/quote.ts";
import type { Tables } from "./catalog.ts";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { Rename } from "./renames.ts";

export type RenameDecision =
  | { readonly kind: "rename"; readonly sql: string }
  /** Done already, or nothing to do. */
  | { readonly kind: "none" }
  /** Neither name is there. */
  | { readonly kind: "missing"; readonly message: string }
  /** What the schema file says leaves nothing to rename: passed over. */
  | { readonly kind: "stale"; readonly message: string }
  /** Which of two things is meant is for a person to say. */
  | { readonly kind: "contradiction"; readonly message: string; readonly hint: string };

export type RenameScene = {
  /** Of the database, as the entries before this one have left it. */
  readonly tables: Tables;
  /** Of the schema file. */
  readonly wanted: SchemaDescription["tables"];
  /** The entries behind this one: they may rename it further. */
  readonly later: readonly Rename[];
  readonly doneBefore: DoneBefore;
};

/** Statements of renames that pushes have executed on this database; the later, the higher. */
export type DoneBefore = ReadonlyMap<string, number>;

/**
 * What an entry means for this database and this schema file. It is done only where nothing else can be meant: the database has
 * the old name alone, and the schema file the new one alone. An entry that was done long ago must not take what has its old
 * name now, so that a name that came back is never renamed by itself. Pure.
 */
export function decideRename(rename: Rename, scene: RenameScene): RenameDecision {
  if ("new" in rename) return { kind: "none" };
  const { tables, wanted, later, doneBefore } = scene;
  const { what, from, to, sql, undoing } = read(rename);
  const names = followed(to, later);
  const final = names.at(-1) ?? to;
  const home = followed({ table: from.table }, later).at(-1) ?? from;
  const [oldName, newName, wantedName] = [labelOf(from), labelOf(to), labelOf(final)];
  const hasOld = isIn(from, tables);
  const hasNew = names.some((name) => isIn(name, tables) && labelOf(name) !== oldName);
  const wantsOld = isWanted(from.column === undefined ? from : { table: home.table, column: from.column }, wanted);
  const wantsNew = isWanted(final, wanted);

  const database = `the database has ${which(hasOld, hasNew, oldName, newName)}`;
  const file = `the schema file ${which(wantsOld, wantsNew, oldName, wantedName)}`;
  const seen = `The entry ${JSON.stringify(rename)} of renames.json: ${database}, ${file}.`;
  if (!hasOld && hasNew) return { kind: "none" };
  if (!hasOld) return { kind: "missing", message: `${seen} Nothing is renamed: correct the entry, or take it out.` };
  // Renamed there and back.
  if (wantedName === oldName) return { kind: "none" };
  if (!wantsNew || (wantsOld && hasNew)) {
    return { kind: "stale", message: `${seen} Nothing is renamed: take the entry out.` };
  }
  if (hasNew) {
    const dropped = what === "table" ? "is left alone" : "would be dropped, which is refused as a loss";
    const hint =
      `Nothing was changed. Was it renamed already, and is ${oldName} something else? Take the entry out: ${oldName} then ` +
      `${dropped}. Is what you want to keep still in ${oldName}? Drop ${newName} in a migration first.`;
    return { kind: "contradiction", message: seen, hint };
  }
  if (wantsOld) {
    const hint =
      `Nothing was changed. Is ${oldName} what is to be called ${newName}? Push first without ${oldName} in the schema file. ` +
      `Is it not? Take the entry out: ${wantedName} is then made anew.`;
    return { kind: "contradiction", message: seen, hint };
  }
  if ((doneBefore.get(sql) ?? 0) > (doneBefore.get(undoing) ?? 0)) {
    const hint =
      `Nothing was changed. Take the entry out: it was done, and what is called ${oldName} now came later. ` +
      `If that is to be renamed too, do so by hand: ${sql}`;
    const message = `${seen} An earlier push has done it here, and the old name came back.`;
    return { kind: "contradiction", message, hint };
  }
  return { kind: "rename", sql };
}

/** Of a table `schema.table`, or of a column of it. */
type Name = { readonly table: string; readonly column?: string };

/** What these entries would execute, and what would undo it. */
export function statementsOf(renames: readonly Rename[]): string[] {
  return renames.flatMap((rename) => {
    if ("new" in rename) return [];
    const { sql, undoing } = read(rename);
    return [sql, undoing];
  });
}

type Reading = {
  readonly what: "table" | "column";
  readonly from: Name;
  readonly to: Name;
  readonly sql: string;
  readonly undoing: string;
};

function read(rename: Exclude<Rename, { new: string }>): Reading {
  const { to: newName } = rename;
  if ("table" in rename) {
    const [schema = "", name = ""] = rename.table.split(".");
    const change = (one: string, other: string) =>
      `alter table ${quoteQualified(schema, one)} rename to ${quoteIdentifier(other)}`;
    const [from, to] = [{ table: rename.table }, { table: `${schema}.${newName}` }];
    return { what: "table", from, to, sql: change(name, newName), undoing: change(newName, name) };
  }
  const [schema = "", name = "", column = ""] = rename.column.split(".");
  const table = `${schema}.${name}`;
  const change = (one: string, other: string) =>
    `alter table ${quoteQualified(schema, name)} rename column ${quoteIdentifier(one)} to ${quoteIdentifier(other)}`;
  const [from, to] = [
    { table, column },
    { table, column: newName },
  ];
  return { what: "column", from, to, sql: change(column, newName), undoing: change(newName, column) };
}

/** A name, and what later entries make of it, one after the other. */
function followed(name: Name, later: readonly Rename[]): Name[] {
  const names = [name];
  for (const rename of later) {
    const last = names.at(-1) ?? name;
    if ("table" in rename && rename.table === last.table) {
      const [schema = ""] = rename.table.split(".");
      names.push({ ...last, table: `${schema}.${rename.to}` });
    }
    if ("column" in rename && last.column !== undefined && rename.column === labelOf(last)) {
      names.push({ ...last, column: rename.to });
    }
  }
  return names;
}

function labelOf({ table, column }: Name): string {
  return column === undefined ? table : `${table}.${column}`;
}

function isIn({ table, column }: Name, tables: Tables): boolean {
  const found = tables.get(table);
  return found !== undefined && (column === undefined || found.columns.includes(column));
}

function isWanted({ table, column }: Name, wanted: SchemaDescription["tables"]): boolean {
  const columns = wanted[table];
  return columns !== undefined && (column === undefined || columns.includes(column));
}

function which(hasOld: boolean, hasNew: boolean, oldName: string, newName: string): string {
  if (hasOld && hasNew) return `both ${oldName} and ${newName}`;
  if (hasOld) return `${oldName} and not ${newName}`;
  return hasNew ? `${newName} and not ${oldName}` : `neither ${oldName} nor ${newName}`;
}
