import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";

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
