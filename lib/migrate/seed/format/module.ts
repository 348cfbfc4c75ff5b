import type { SeedFile, SeedRow } from "../source/files.ts";
import type { ModuleFile } from "./module-messages.ts";
import type { SeedModules } from "./modules.ts";

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

/**
 * Loads a seed module. Its rows are made when they are asked for.
 *
 * @throws PosternError `seed.invalid-file`; those of `SeedModules`
 */
export async function openModule({ name, path }: ModuleFile, modules: SeedModules): Promise<SeedFile> {
  const file = { name, path };
  const { table, columns, conflict } = await modules.load(file);
  return {
    name,
    table,
    columns,
    ...(conflict === undefined ? {} : { conflict }),
    unit: "row",
    isText: false,
    rows: () => numberRows(modules.rows(file), columns),
  };
}

async function* numberRows(
  rows: AsyncIterable<readonly unknown[]>,
  columns: readonly string[],
): AsyncGenerator<SeedRow> {
  let number = 0;
  for await (const values of rows) {
    number += 1;
    yield { number, columns, values };
  }
}
