import { pathToFileURL } from "node:url";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { SeedFile, SeedRow } from "../source/files.ts";

/** A module of a set, by its path. */
type ModuleFile = { readonly name: string; readonly path: string };

/** A value of a row: JSON. Decimals and integers beyond 2^53 are written as strings, to stay exact. */
type SeedValue = string | number | boolean | null | readonly SeedValue[] | { readonly [key: string]: SeedValue };

/**
 * What a seed module (`10-customers.ts`) exports as `seed`. The rows are read twice, once to check and once to write,
 * so `rows` gives the same ones each time: no clock, no `Math.random`.
 */
export type SeedTable = {
  /** `customers`, or `billing.invoices` outside the search path. */
  readonly table: string;
  readonly columns: readonly string[];
  /** Columns of the unique key that tells a row that is there already; default: the primary key. */
  readonly conflict?: readonly string[];
  /** Values in the order of `columns`. */
  rows(): Iterable<readonly SeedValue[]> | AsyncIterable<readonly SeedValue[]>;
};

const names = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty())),
  v.nonEmpty("expected at least one column"),
  v.check((list) => new Set(list).size === list.length, "a column is named twice"),
);

const moduleSchema = v.object({
  seed: v.looseObject(
    {
      table: v.pipe(v.string(), v.nonEmpty()),
      columns: names,
      conflict: v.optional(names),
      rows: v.function(),
    },
    "expected an export named `seed`",
  ),
});

/**
 * Loads a seed module. Its rows are made when they are asked for.
 *
 * @throws PosternError `seed.invalid-file`
 */
export async function openModule(file: ModuleFile): Promise<SeedFile> {
  const exports = await importModule(file);
  parseInput(moduleSchema, exports, { what: file.name, code: "seed.invalid-file" });
  const { seed } = exports as { readonly seed: SeedTable };
  const { table, columns, conflict } = seed;
  return {
    name: file.name,
    table,
    columns,
    ...(conflict === undefined ? {} : { conflict }),
    unit: "row",
    isText: false,
    rows: () => readModuleRows(seed, file.name),
  };
}

async function importModule(file: ModuleFile): Promise<unknown> {
  try {
    return { ...(await import(pathToFileURL(file.path).href)) };
  } catch (error) {
    throw new PosternError("seed.invalid-file", `${file.name} cannot be loaded: ${firstLine(error)}`, { cause: error });
  }
}

async function* readModuleRows(seed: SeedTable, name: string): AsyncGenerator<SeedRow> {
  const { columns } = seed;
  let number = 0;
  try {
    for await (const values of seed.rows()) {
      number += 1;
      if (!Array.isArray(values) || values.length !== columns.length) {
        const seen = Array.isArray(values) ? `has ${values.length} of` : "is no array of";
        throw new PosternError("seed.invalid-file", `${name} row ${number} ${seen} ${columns.length} values.`);
      }
      yield { number, columns, values };
    }
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw new PosternError("seed.invalid-file", `${name} failed after row ${number}: ${firstLine(error)}`, {
      cause: error,
    });
  }
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n", 1)[0] ?? "";
}
