import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import { quoteIdentifier, quoteQualified } from "#lib/postgres/quote.ts";
import type { Tables } from "./catalog.ts";

/** One entry of `renames.json`: what drizzle-kit would ask about, answered beforehand. */
export type Rename =
  | { readonly table: string; readonly to: string }
  | { readonly column: string; readonly to: string }
  /** Not a rename: this table is new, however much it looks like another one. */
  | { readonly new: string };

const name = v.pipe(v.string(), v.regex(/^[^.\0]+$/u, "expected a name without a dot"));
const table = v.pipe(v.string(), v.regex(/^[^.\0]+\.[^.\0]+$/u, "expected schema.table"));
const column = v.pipe(v.string(), v.regex(/^[^.\0]+\.[^.\0]+\.[^.\0]+$/u, "expected schema.table.column"));

const renamesSchema = v.array(
  v.union(
    [v.strictObject({ table, to: name }), v.strictObject({ column, to: name }), v.strictObject({ new: table })],
    'expected { "table": "schema.table", "to": "name" }, { "column": "schema.table.column", "to": "name" } or { "new": "schema.table" }',
  ),
);

/**
 * Reads `renames.json`. A file that is not there has no renames in it.
 *
 * @throws PosternError `push.invalid-renames`
 */
export async function readRenames(file: string, options: { readonly mustExist?: boolean } = {}): Promise<Rename[]> {
  const code = "push.invalid-renames";
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const isAbsent = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (isAbsent && options.mustExist !== true) return [];
    throw new PosternError(code, `${file} cannot be read.`, { cause });
  }
  try {
    return parseInput(renamesSchema, JSON.parse(text), { what: file, code });
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw new PosternError(code, `${file} is not JSON: ${String(error)}`, { cause: error });
  }
}

export type RenameDecision =
  | { readonly kind: "rename"; readonly sql: string }
  /** Done already, or nothing to do. */
  | { readonly kind: "none" }
  /** Neither name is there. */
  | { readonly kind: "missing"; readonly message: string }
  /** Both names are there: renaming is impossible, and which of them is meant is for a person to say. */
  | { readonly kind: "contradiction"; readonly message: string };

/** What an entry means for a database with these tables. Pure. */
export function decideRename(rename: Rename, tables: Tables): RenameDecision {
  if ("new" in rename) return { kind: "none" };
  if ("table" in rename) {
    const [schema = "", from = ""] = rename.table.split(".");
    const sql = `alter table ${quoteQualified(schema, from)} rename to ${quoteIdentifier(rename.to)}`;
    return decide("table", rename.table, `${schema}.${rename.to}`, (known) => tables.has(known), sql);
  }
  const [schema = "", of = "", from = ""] = rename.column.split(".");
  const columns = tables.get(`${schema}.${of}`)?.columns ?? [];
  const [names, sql] = [quoteIdentifier(from), quoteIdentifier(rename.to)];
  const statement = `alter table ${quoteQualified(schema, of)} rename column ${names} to ${sql}`;
  const isThere = (known: string) => columns.includes(known.split(".").at(-1) ?? "");
  return decide("column", rename.column, `${schema}.${of}.${rename.to}`, isThere, statement);
}

function decide(
  kind: "table" | "column",
  from: string,
  to: string,
  isThere: (name: string) => boolean,
  sql: string,
): RenameDecision {
  const [hasOld, hasNew] = [isThere(from), isThere(to)];
  if (hasOld && hasNew) {
    const message = `The ${kind} ${from} cannot be renamed: the database has ${to} too.`;
    return { kind: "contradiction", message };
  }
  if (hasOld) return { kind: "rename", sql };
  if (hasNew) return { kind: "none" };
  return { kind: "missing", message: `The ${kind} ${from} is not renamed: the database has neither it nor ${to}.` };
}
