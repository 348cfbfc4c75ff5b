import type pg from "pg";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { SeedResult } from "#lib/contract.ts";
import { openSeedFile, type SeedFile } from "./files.ts";
import { readBatches } from "./rows.ts";
import { findSeedFiles } from "./sets.ts";
import { readTarget, type SeedTarget } from "./target.ts";
import { writeBatch } from "./write.ts";

export type SeedOptions = {
  /** Folder whose subfolders are the sets. */
  readonly seedsDir: string;
  readonly set: string;
  /** Called after each batch. */
  readonly onProgress?: (progress: SeedProgress) => void;
  /** Looked at between batches: those written stay. */
  readonly signal?: AbortSignal;
  /** Rows in one statement and transaction; default 1000. */
  readonly batchRows?: number;
  readonly clock?: Clock;
};

/** Rows of the file under way, so far. */
type SeedProgress = { readonly table: string; readonly rows: number; readonly inserted: number };

const defaults = Object.freeze({ batchRows: 1000, clock: systemClock });

/**
 * Loads a seed set. Rows that are there already stay as they are, so seeding twice changes nothing, and a run that was
 * cut off is finished by the next.
 *
 * 1. Finds the set's files and opens them in the order of their numbers.
 * 2. Reads every file to its end and checks it against the catalog: tables, columns, keys, the kind of each value.
 *    All problems are reported together, one a file, and nothing has been written.
 * 3. Reads each file again and writes it in batches, each its own transaction.
 *
 * After a failure the batches written before it are kept and nothing of the failing one.
 *
 * @throws PosternError `seed.unknown-set`, `seed.invalid-file`, `seed.failed`, `aborted`,
 *   and what `toDatabaseError` makes of a lost connection or a missing privilege
 */
export async function seed(client: pg.Client, options: SeedOptions): Promise<SeedResult> {
  const paths = await findSeedFiles(options.seedsDir, options.set);
  const checked = await checkFiles(client, paths, options);
  const tables = new Map<string, SeedResult["tables"][number]>();
  for (const file of checked) {
    const written = await writeFile(client, file, options);
    const before = tables.get(written.table) ?? { table: written.table, rows: 0, inserted: 0, ms: 0 };
    tables.set(written.table, {
      table: written.table,
      rows: before.rows + written.rows,
      inserted: before.inserted + written.inserted,
      ms: before.ms + written.ms,
    });
  }
  return { set: options.set, tables: [...tables.values()] };
}

type CheckedFile = { readonly file: SeedFile; readonly target: SeedTarget };

async function checkFiles(
  client: pg.Client,
  paths: Awaited<ReturnType<typeof findSeedFiles>>,
  options: SeedOptions,
): Promise<CheckedFile[]> {
  const checked: CheckedFile[] = [];
  const problems: PosternError[] = [];
  for (const path of paths) {
    try {
      const file = await openSeedFile(path);
      const target = await readTarget(client, file.table, file.name);
      for await (const _ of readBatches(file, target, withDefaults(options))) stopWhenAborted(options);
      checked.push({ file, target });
    } catch (error) {
      if (!(error instanceof PosternError) || error.code !== "seed.invalid-file") throw error;
      problems.push(error);
    }
  }
  const [first, ...others] = problems;
  if (first === undefined) return checked;
  if (others.length === 0) throw first;
  throw new PosternError("seed.invalid-file", problems.map(({ message }) => message).join("\n"), {
    hint: problems.map(({ hint }) => hint).find((hint) => hint !== undefined),
  });
}

async function writeFile(
  client: pg.Client,
  { file, target }: CheckedFile,
  options: SeedOptions,
): Promise<SeedResult["tables"][number]> {
  const { clock, batchRows } = withDefaults(options);
  const startMs = clock.nowMs();
  let rows = 0;
  let inserted = 0;
  for await (const batch of oneAhead(readBatches(file, target, { batchRows }))) {
    stopWhenAborted(options);
    inserted += await writeBatch(client, file, batch);
    rows += batch.numbers.length;
    options.onProgress?.({ table: file.table, rows, inserted });
  }
  return { table: file.table, rows, inserted, ms: elapsedMs(clock, startMs) };
}

function stopWhenAborted({ signal, set }: SeedOptions): void {
  if (signal?.aborted !== true) return;
  throw new PosternError("aborted", `Seeding ${set} was stopped before it was done.`, {
    cause: signal.reason,
    hint: "Run seed again: it goes on where this stopped.",
  });
}

/** Reads the next batch while the server is busy with the one before. */
async function* oneAhead<Item>(source: AsyncGenerator<Item>): AsyncGenerator<Item> {
  try {
    let next = source.next();
    for (let item = await next; item.done !== true; item = await next) {
      next = source.next();
      // Its failure is seen by the `await` above, unless the consumer has given up by then.
      next.catch(() => undefined);
      yield item.value;
    }
  } finally {
    await source.return(undefined);
  }
}

function withDefaults(options: SeedOptions): { readonly batchRows: number; readonly clock: Clock } {
  return { batchRows: options.batchRows ?? defaults.batchRows, clock: options.clock ?? defaults.clock };
}
