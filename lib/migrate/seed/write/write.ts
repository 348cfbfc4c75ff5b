import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import { describePlace, type SeedFile } from "../source/files.ts";
import { isDataFault, messageWithoutValues } from "./without-values.ts";
import { currentXidSql, type RepeatedRows, type Repeats } from "./repeats.ts";
import { keysInOrder, type SeedBatch } from "./rows.ts";
import { advanceSql } from "./sequence.ts";
import type { TargetColumn } from "./target.ts";
import { beginSql, cancellable, inTransaction, type SeedRun } from "./transaction.ts";

/**
 * Writes one batch in one transaction and says how many rows were new, and which repeat a row before them in the file.
 *
 * 1. Inserts the rows; those that are there already are passed over.
 * 2. Moves the sequence behind a serial or identity column past the numbers given, in the same transaction, so that
 *    the application's next row does not meet one of them.
 * 3. Looks for rows that were passed over because the file has their key twice.
 *
 * After a failure nothing of the batch is kept. When a row is at fault, the batch is tried again row by row in a
 * transaction that is rolled back, to name it.
 *
 * @throws PosternError `seed.failed` with file, line or row, and SQLSTATE; why the run is over; else what `toDatabaseError` makes of it
 */
export async function writeBatch(
  client: pg.Client,
  { run, file, repeats }: { readonly run: SeedRun; readonly file: SeedFile; readonly repeats: Repeats },
  batch: SeedBatch,
): Promise<{ readonly inserted: number; readonly repeated: RepeatedRows | undefined }> {
  const { insert, values } = batch;
  const withSequence = insert.columns.flatMap((column, index) =>
    column.sequence === null ? [] : [{ sequence: column.sequence, given: values[index] ?? [] }],
  );
  try {
    const written = await inTransaction(client, run, async () => {
      const inserted = await runInsert(client, batch);
      for (const { sequence, given } of withSequence) {
        await client.query(advanceSql(sequence, highestGiven), [given]);
      }
      const counts = { asked: batch.numbers.length, inserted };
      const repeated = await repeats.find(client, insert, keysInOrder(batch), counts);
      const xid = inserted === 0 ? undefined : (await client.query<{ xid: string }>(currentXidSql)).rows[0]?.xid;
      return { inserted, repeated, xid };
    });
    if (written.xid !== undefined) repeats.remember(written.xid);
    return written;
  } catch (error) {
    throw await explainFailure(client, run, { file, batch, error });
  }
}

async function runInsert(client: pg.Client, batch: Pick<SeedBatch, "insert" | "values">): Promise<number> {
  const { rowCount } = await client.query(batch.insert.sql, [...batch.values]);
  return rowCount ?? 0;
}

const highestGiven = "select max(number::bigint) as highest from unnest($1::text[]) as number";

async function explainFailure(
  client: pg.Client,
  run: SeedRun,
  { file, batch, error }: { readonly file: SeedFile; readonly batch: SeedBatch; readonly error: unknown },
): Promise<PosternError> {
  const doing = `seeding table ${file.table} from ${file.name}`;
  if (!isDataFault(error)) return toDatabaseError(error, doing);
  const failing = await cancellable(run, async () => findFailingRow(client, run, batch)).catch(() => undefined);
  // Whatever happened, nothing of it stays.
  await client.query("rollback").catch(() => undefined);
  const first = batch.numbers[0] ?? 0;
  const last = batch.numbers.at(-1) ?? first;
  const place =
    failing === undefined
      ? `${file.name} ${file.unit}s ${first} to ${last}`
      : describePlace(file, batch.numbers[failing.index] ?? first);
  const cause = failing?.error ?? error;
  const row = failing === undefined ? [] : batch.values.map((texts) => texts[failing.index] ?? null);
  const column = failing?.column === undefined ? "" : `, column ${failing.column.name}`;
  // No `cause`: the server's detail quotes the whole row, and a cause ends up in logs.
  return new PosternError(
    "seed.failed",
    `${place}, table ${file.table}${column}: ${messageWithoutValues(cause, row)}.`,
    {
      sqlState: sqlStateOf(cause),
      hint: sqlStateOf(cause) === "23503" ? foreignKeyHint : undefined,
    },
  );
}

const foreignKeyHint =
  "Nothing of this batch was kept. Seed the set that holds the rows it refers to first (reference before demo), or mend the row.";

type FailingRow = {
  readonly index: number;
  readonly error: unknown;
  /** Known when the value does not even have the column's type. */
  readonly column: TargetColumn | undefined;
};

/** Leaves its transaction to be rolled back, unless it found the row. */
async function findFailingRow(client: pg.Client, run: SeedRun, batch: SeedBatch): Promise<FailingRow | undefined> {
  await client.query(beginSql(run));
  // A deferred constraint speaks up only at commit otherwise, and there is none here.
  await client.query("set constraints all immediate");
  for (const index of batch.numbers.keys()) {
    const row = batch.values.map((texts) => texts.slice(index, index + 1));
    const error = await runInsert(client, { insert: batch.insert, values: row }).then(() => undefined, asFailure);
    if (error === undefined) continue;
    // Cancelled, or a lock that it did not get: this says nothing of the row.
    if (!isDataFault(error)) return undefined;
    await client.query("rollback");
    return { index, error, column: await findFailingColumn(client, batch, index) };
  }
  return undefined;
}

/** Casts value by value; a value that has the type but breaks a length or a constraint is not found here. */
async function findFailingColumn(client: pg.Client, batch: SeedBatch, row: number): Promise<TargetColumn | undefined> {
  for (const [index, column] of batch.insert.columns.entries()) {
    const text = batch.values[index]?.[row] ?? null;
    const error = await client.query(`select $1::text::${column.type}`, [text]).then(() => undefined, asFailure);
    if (error !== undefined) return column;
  }
  return undefined;
}

/** What a promise rejected with, never undefined. */
function asFailure(error: unknown): unknown {
  return error ?? new Error("failed without a reason");
}
