import { pathToFileURL } from "node:url";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import { readNdjson } from "./ndjson.ts";
import type { SeedFilePath } from "./sets.ts";

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

/** A seed file of any format, opened. */
export type SeedFile = {
  /** For people: `demo/20-products.ndjson`. */
  readonly name: string;
  readonly table: string;
  readonly conflict?: readonly string[];
  /** Declared columns, where the format has them. */
  readonly columns?: readonly string[];
  /** How people count its rows: `line` in a text file, else `row`; from 1. */
  readonly unit: "line" | "row";
  /** Reads from the start on each call. */
  rows(): AsyncIterable<SeedRow>;
};

export type SeedRow = {
  readonly number: number;
  /** The same array for as long as the columns are the same. */
  readonly columns: readonly string[];
  readonly values: readonly unknown[];
};

/**
 * Opens one file; its rows are read and checked when they are asked for.
 *
 * @throws PosternError `seed.invalid-file`
 */
export async function openSeedFile(file: SeedFilePath): Promise<SeedFile> {
  switch (file.format) {
    case "ndjson":
      return { name: file.name, table: file.label, unit: "line", rows: () => readNdjson(file.path, file.name) };
    case "module":
      return openModule(file);
    default:
      return file.format satisfies never;
  }
}

/** Where a row stands, for people. */
export function describePlace(file: SeedFile, rowNumber: number): string {
  return `${file.name} ${file.unit} ${rowNumber}`;
}

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

async function openModule(file: SeedFilePath): Promise<SeedFile> {
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
    rows: () => readModuleRows(seed, file.name),
  };
}

async function importModule(file: SeedFilePath): Promise<unknown> {
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
