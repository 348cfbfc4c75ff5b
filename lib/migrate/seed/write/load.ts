import type pg from "pg";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import { type ChunkSizes, readChunks, type SeedChunk } from "./chunks.ts";
import { copyAndInsert } from "./copy-insert.ts";
import { copyChunk } from "./copy.ts";
import type { SeedFile } from "../source/files.ts";
import { deleteMark, type MarkKey, readMark, type SeedMark, writeMark } from "./marks.ts";
import { oneAhead } from "./one-ahead.ts";
import { Repeats } from "./repeats.ts";
import type { SeedBatch } from "./rows.ts";
import { advanceSequences } from "./sequence.ts";
import type { SeedTarget } from "./target.ts";
import { inTransaction, type SeedRun } from "./transaction.ts";
import { isDataFault } from "./without-values.ts";
import { writeBatch } from "./write.ts";

export type LoadOptions = ChunkSizes & {
  readonly run: SeedRun;
  readonly file: SeedFile;
  readonly target: SeedTarget;
  readonly key: MarkKey;
  /** After each batch or chunk: of the whole file, and new in this run. Throws to stop. */
  readonly onWritten: (done: Loaded) => void;
};

/** `rows` of the file, of which `skipped` were written by an earlier run; `inserted` in this one. */
export type Loaded = {
  readonly rows: number;
  readonly skipped: number;
  readonly inserted: number;
  /** Passed over because a row before them in the file, written in this run, has their key. */
  readonly repeated?: { readonly count: number; readonly firstNumber: number };
};

/**
 * Writes one file of rows into its table, on one of two ways that end alike.
 *
 * - COPY, chunk by chunk, each in one transaction with a mark that says how far the file got: when the table is empty, or
 *   when a mark says that an earlier run has begun so and neither the file nor the table's storage is another one since.
 * - INSERT … ON CONFLICT DO NOTHING over the whole file: otherwise. It looks at every row, so that what was deleted since an
 *   earlier run comes back. The rows of a chunk come by COPY into a temporary table; where that cannot be, or the server
 *   refuses one of them, in batches.
 *
 * Nothing is locked so that an empty table stays empty, for that decides only which way is faster: the columns hold a unique
 * key, so that COPY refuses a row that has come in between (23505). What COPY refuses goes the other way, chunk by chunk,
 * which passes over such rows, and names the row where the file is at fault. A key that stands twice in the file is no fault:
 * on both ways the first row with it is written, and the others are counted (`Repeats`).
 *
 * A run that was cut off is finished by the next, from the last chunk that was written. What the application has deleted of
 * the chunks before it comes back with the run after that.
 *
 * After a failure the chunks and batches written before it are kept and nothing of the failing batch.
 *
 * @throws PosternError `seed.invalid-file`, `seed.failed`, why the run is over, and what `toDatabaseError` makes of the rest
 */
export async function loadFile(client: pg.Client, options: LoadOptions): Promise<Loaded> {
  const { run, file, target, key } = options;
  const state = await inTransaction(client, run, async () => readState(client, target, key)).catch((error: unknown) => {
    throw toDatabaseError(error, `looking at table ${file.table} for ${file.name}`);
  });
  const loading = { ...options, repeats: new Repeats(target, state.mayRead) };
  if (state.isEmpty) {
    const chunks = await readChunks(file, target, options);
    if (chunks !== undefined) return await copyAll(client, chunks, loading, { ...state, mark: undefined });
  } else if (state.mark !== undefined) {
    const chunks = await readChunks(file, target, options, state.mark);
    if (chunks !== undefined) return await copyAll(client, chunks, loading, state);
    await inTransaction(client, run, async () => deleteMark(client, key));
  }
  return await insertAll(client, loading);
}

type Loading = LoadOptions & { readonly repeats: Repeats };

type TableState = {
  readonly isEmpty: boolean;
  /** All columns: system columns ask for that. */
  readonly mayRead: boolean;
  readonly storage: string;
  /** Of a file that is not complete, in the storage that the table has now. */
  readonly mark: SeedMark | undefined;
};

async function readState(client: pg.Client, { sql, oid }: SeedTarget, key: MarkKey): Promise<TableState> {
  // A partitioned or foreign table has no storage of its own.
  const { rows } = await client.query<Omit<TableState, "mark">>(
    `select not exists (select from ${sql}) as "isEmpty", has_table_privilege($1::oid, 'select') as "mayRead",
            $1 || ':' || coalesce(pg_relation_filenode($1::oid)::text, '') as storage`,
    [oid],
  );
  const { isEmpty = false, mayRead = false, storage = "" } = rows[0] ?? {};
  const mark = await readMark(client, key);
  const isOpen = mark !== undefined && !mark.isComplete && mark.storage === storage;
  return { isEmpty, mayRead, storage, mark: isOpen ? mark : undefined };
}

/** So many chunks in a row that COPY refuses, and it is not tried any more. */
const maxRefusals = 3;

async function copyAll(
  client: pg.Client,
  chunks: AsyncGenerator<SeedChunk>,
  options: Loading,
  { storage, mark: earlier }: Pick<TableState, "storage" | "mark">,
): Promise<Loaded> {
  const { onWritten } = options;
  let mark = earlier;
  const skipped = earlier?.rows ?? 0;
  let done: Loaded = { rows: skipped, skipped, inserted: 0 };
  let refusals = 0;
  for await (const chunk of oneAhead(chunks)) {
    const here = { storage, ...chunk.end, isComplete: false };
    mark = here;
    const copied = refusals < maxRefusals ? await tryCopy(client, chunk, options, here) : undefined;
    if (copied === undefined) {
      refusals += 1;
      done = await insertChunk(client, chunk, options, done, here);
    } else {
      refusals = 0;
      done = { ...done, rows: done.rows + chunk.rows, inserted: done.inserted + copied };
      onWritten(done);
    }
  }
  if (mark !== undefined) await complete(client, options, mark);
  return done;
}

/** @returns undefined where the rows have to go the other way, and nothing of them was written */
async function tryCopy(
  client: pg.Client,
  chunk: SeedChunk,
  { run, file, target, key, repeats }: Loading,
  mark: SeedMark,
): Promise<number | undefined> {
  if (chunk.copy === undefined) return undefined;
  try {
    return await copyChunk(client, chunk, chunk.copy, { run, target, key, mark, repeats });
  } catch (error) {
    if (isDataFault(error) || sqlStateOf(error) === featureNotSupported) return undefined;
    throw toDatabaseError(error, `seeding table ${file.table} from ${file.name}`);
  }
}

/** COPY into a table with row-level security. */
const featureNotSupported = "0A000";

async function complete(client: pg.Client, { run, file, target, key }: LoadOptions, mark: SeedMark): Promise<void> {
  try {
    await inTransaction(client, run, async () => {
      await advanceSequences(client, target, [...target.columns.values()]);
      await writeMark(client, key, { ...mark, isComplete: true });
    });
  } catch (error) {
    throw toDatabaseError(error, `finishing table ${file.table}`);
  }
}

/** A chunk is one transaction, which holds what it has inserted until its end: beside an application, that is short. */
const maxInsertBytes = 2 * 1024 * 1024;

async function insertAll(client: pg.Client, options: Loading): Promise<Loaded> {
  const { file, target } = options;
  const chunkBytes = Math.min(options.chunkBytes, maxInsertBytes);
  const chunks = await readChunks(file, target, { ...options, chunkBytes });
  let done: Loaded = { rows: 0, skipped: 0, inserted: 0 };
  if (chunks === undefined) return done;
  for await (const chunk of oneAhead(chunks)) done = await insertChunk(client, chunk, options, done);
  return done;
}

/** @param mark to be written with the rows, in the same transaction where that can be, else behind them */
async function insertChunk(
  client: pg.Client,
  chunk: SeedChunk,
  options: Loading,
  before: Loaded,
  mark?: SeedMark,
): Promise<Loaded> {
  const { run, key, onWritten } = options;
  const written = await tryCopyAndInsert(client, chunk, options, mark);
  if (written === undefined) {
    const done = await insertBatches(client, chunk.batches(), options, before);
    if (mark !== undefined) await inTransaction(client, run, async () => writeMark(client, key, mark));
    return done;
  }
  const { inserted, repeated } = written;
  const firstNumber = repeated === undefined ? 0 : await chunk.numberAt(repeated.firstIndex);
  const done = add(before, { rows: chunk.rows, inserted, repeated: repeated && { ...repeated, firstNumber } });
  onWritten(done);
  return done;
}

/** @returns undefined where the rows have to go in batches, and nothing of them was written */
async function tryCopyAndInsert(
  client: pg.Client,
  chunk: SeedChunk,
  { run, file, key, repeats, batchRows }: Loading,
  mark: SeedMark | undefined,
): Promise<Awaited<ReturnType<typeof copyAndInsert>> | undefined> {
  // So few rows are one statement anyway.
  if (chunk.copy === undefined || chunk.rows <= batchRows) return undefined;
  try {
    return await copyAndInsert(client, chunk, chunk.copy, { run, repeats, mark: mark && { key, mark } });
  } catch (error) {
    if (isDataFault(error) || sqlStateOf(error) === insufficientPrivilege) return undefined;
    throw toDatabaseError(error, `seeding table ${file.table} from ${file.name}`);
  }
}

/** To make temporary tables, perhaps: if it is another one, the batches will tell. */
const insufficientPrivilege = "42501";

async function insertBatches(
  client: pg.Client,
  batches: AsyncGenerator<SeedBatch>,
  options: Loading,
  before: Loaded,
): Promise<Loaded> {
  let done = before;
  for await (const batch of oneAhead(batches)) {
    const { inserted, repeated } = await writeBatch(client, options, batch);
    const firstNumber = repeated === undefined ? 0 : (batch.numbers[repeated.firstIndex] ?? 0);
    done = add(done, { rows: batch.numbers.length, inserted, repeated: repeated && { ...repeated, firstNumber } });
    options.onWritten(done);
  }
  return done;
}

type Written = {
  readonly rows: number;
  readonly inserted: number;
  readonly repeated: { readonly count: number; readonly firstNumber: number } | undefined;
};

function add(before: Loaded, { rows, inserted, repeated }: Written): Loaded {
  const sums = { ...before, rows: before.rows + rows, inserted: before.inserted + inserted };
  if (repeated === undefined) return sums;
  const { count, firstNumber } = before.repeated ?? { ...repeated, count: 0 };
  return { ...sums, repeated: { count: count + repeated.count, firstNumber } };
}
