import { setImmediate } from "node:timers/promises";
import { PosternError } from "#lib/base/errors.ts";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import { describePlace, type SeedFile, type SeedRow } from "../source/files.ts";
import { buildInsert, type SeedInsert } from "./insert.ts";
import type { SeedTarget } from "./target.ts";
import type { RowsInOrder } from "./repeats.ts";
import { describeUnsuited, toText } from "./values.ts";

/** Consecutive rows of one file with the same columns, ready to be inserted. */
export type SeedBatch = {
  readonly insert: SeedInsert;
  /** One array a column, one text a row. */
  readonly values: readonly (string | null)[][];
  /** Line or row numbers in the file. */
  readonly numbers: readonly number[];
};

/** The batch's keys, to be looked for. */
export function keysInOrder({ insert, values }: SeedBatch): RowsInOrder {
  const wanted = new Set(insert.keys.flat());
  const chosen = insert.columns.flatMap((column, index) =>
    wanted.has(column.name) ? [{ column, given: values[index] ?? [] }] : [],
  );
  const casts = chosen.map(({ column: { name, type } }, index) => `c${index}::${type} as ${quoteIdentifier(name)}`);
  const parameters = chosen.map((_, index) => `$${index + 2}::text[]`).join(", ");
  const aliases = chosen.map((_, index) => `c${index}`).join(", ");
  return {
    sql: `(select ${casts.join(", ")}, postern_place from unnest(${parameters}) with ordinality as u (${aliases}, postern_place))`,
    parameters: chosen.map(({ given }) => given),
  };
}

/** Wide rows fill a batch before their number does: memory stays bounded. */
const maxBatchCharacters = 4_000_000;

/**
 * Reads a file in batches and checks each row against its table. Holds one batch at a time.
 *
 * @throws PosternError `seed.invalid-file` with the file, the line or row, and the column
 */
export async function* readBatches(
  file: SeedFile,
  target: SeedTarget,
  options: { readonly batchRows: number },
): AsyncGenerator<SeedBatch> {
  let names = file.columns;
  let insert =
    names === undefined ? undefined : buildInsert(target, names, { where: file.name, conflict: file.conflict });
  let batch: GrowingBatch | undefined;
  for await (const row of file.rows()) {
    if (batch !== undefined && (row.columns !== names || isFull(batch, options.batchRows))) {
      // Rows from code come without a pause: signals and timers get their turn here.
      await setImmediate();
      yield batch;
      batch = undefined;
    }
    if (insert === undefined || row.columns !== names) {
      names = row.columns;
      insert = buildInsert(target, names, { where: describePlace(file, row.number), conflict: file.conflict });
    }
    batch ??= { insert, values: insert.columns.map(() => []), numbers: [], characters: 0 };
    addRow(batch, file, row);
  }
  if (batch !== undefined) yield batch;
}

type GrowingBatch = {
  readonly insert: SeedInsert;
  readonly values: (string | null)[][];
  readonly numbers: number[];
  characters: number;
};

function isFull(batch: GrowingBatch, batchRows: number): boolean {
  return batch.numbers.length >= batchRows || batch.characters >= maxBatchCharacters;
}

function addRow(batch: GrowingBatch, file: SeedFile, row: SeedRow): void {
  for (const [index, column] of batch.insert.columns.entries()) {
    const value = row.values[index];
    const text = file.isText ? (value as string | null) : toText(value, column);
    if (text === undefined) {
      const problem = describeUnsuited(value, column);
      throw new PosternError("seed.invalid-file", `${describePlace(file, row.number)}: ${problem}.`);
    }
    batch.values[index]?.push(text);
    batch.characters += text?.length ?? 0;
  }
  batch.numbers.push(row.number);
}
