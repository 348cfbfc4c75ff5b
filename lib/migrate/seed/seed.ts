import type pg from "pg";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import type { SeedResult } from "#lib/protocol.ts";
import { type CheckedFile, checkFiles } from "./check.ts";
import { openSeedModules } from "./format/modules.ts";
import { loadFile } from "./write/load.ts";
import { describePlace } from "./source/files.ts";
import { folderSource, type SeedSource } from "./source/sets.ts";
import { runScript } from "./script.ts";
import { type SeedRun, stopWhenOver } from "./write/transaction.ts";

export type SeedOptions = SeedRun & {
  /** Folder whose subfolders are the sets. */
  readonly seedsDir: string;
  /** Where the sets are; default: in `seedsDir`. */
  readonly source?: SeedSource;
  /** Called after each batch. */
  readonly onProgress?: (progress: SeedProgress) => void;
  /** Rows in one INSERT and transaction; default 1000. */
  readonly batchRows?: number;
  /** Rows of a module or NDJSON file in one COPY and transaction; default 10 000. */
  readonly chunkRows?: number;
  /** Bytes of a CSV file in one COPY and transaction; default 8 MiB. */
  readonly chunkBytes?: number;
  readonly clock?: Clock;
};

/** Of the file under way, so far. */
export type SeedProgress = {
  readonly file: string;
  readonly table: string;
  readonly rows: number;
  readonly inserted: number;
  /** Read of a file of data; absent for a module. */
  readonly bytes?: number;
  /** Absent for a packed file, too. */
  readonly totalBytes?: number;
  /** Written in this run. */
  readonly rowsPerSecond: number;
};

const defaults = Object.freeze({
  batchRows: 1000,
  chunkRows: 10_000,
  chunkBytes: 8 * 1024 * 1024,
  clock: systemClock,
});

/**
 * Loads a seed set. Rows that are there already stay as they are, so seeding twice changes nothing, and a run that was
 * cut off is finished by the next. The ledger must be there.
 *
 * 1. Finds the set's files and opens them in the order of their numbers.
 * 2. Checks them against the catalog (`checkFiles`): all problems are reported together, and nothing has been written.
 * 3. Writes them one after the other (`loadFile`, `runScript`), each in transactions of its own.
 *
 * After a failure what was written before it is kept and nothing of the failing transaction.
 *
 * @throws PosternError `seed.unknown-set`, `seed.invalid-file`, `seed.failed`, why the run is over (`stopWhenOver`),
 *   and what `toDatabaseError` makes of a lost connection or a missing privilege
 */
export async function seed(client: pg.Client, options: SeedOptions): Promise<SeedResult> {
  const { set, seedsDir } = options;
  const source = options.source ?? folderSource(seedsDir);
  const stop = () => stopWhenOver(options);
  await using modules = openSeedModules({ signal: options.signal, remainingMs: options.remainingMs, stop });
  const checked = await checkFiles(client, await source.findFiles(set), { modules, stop });
  const tables = new Map<string, TableResult>();
  const scripts: ScriptResult[] = [];
  for (const one of checked) {
    stop();
    if (one.kind === "script")
      scripts.push(
        await runScript(client, one.script, {
          run: options,
          key: { set, file: one.script.name },
          clock: withDefaults(options).clock,
        }),
      );
    else addResult(tables, await writeFile(client, one, options));
  }
  stop();
  return { set, tables: [...tables.values()], ...(scripts.length === 0 ? {} : { scripts }) };
}

type TableResult = SeedResult["tables"][number];
type ScriptResult = NonNullable<SeedResult["scripts"]>[number];

function addResult(tables: Map<string, TableResult>, written: TableResult): void {
  const before = tables.get(written.table);
  if (before === undefined) {
    tables.set(written.table, written);
    return;
  }
  const { table, rows, inserted, ms } = before;
  const repeated = addRepeated(before.repeated, written.repeated);
  tables.set(table, {
    table,
    rows: rows + written.rows,
    inserted: inserted + written.inserted,
    ms: ms + written.ms,
    ...(repeated === undefined ? {} : { repeated }),
  });
}

function addRepeated(before: TableResult["repeated"], written: TableResult["repeated"]): TableResult["repeated"] {
  if (before === undefined || written === undefined) return before ?? written;
  return { ...before, rows: before.rows + written.rows };
}

async function writeFile(
  client: pg.Client,
  { file, target }: CheckedFile & { readonly kind: "rows" },
  options: SeedOptions,
): Promise<TableResult> {
  const { clock, ...sizes } = withDefaults(options);
  const startMs = clock.nowMs();
  const { name, table, meter } = file;
  const { rows, inserted, repeated } = await loadFile(client, {
    ...sizes,
    run: options,
    file,
    target,
    key: { set: options.set, file: name },
    onWritten: (done) => {
      const seconds = Math.max(1, clock.nowMs() - startMs) / 1000;
      options.onProgress?.({
        file: name,
        table,
        rows: done.rows,
        inserted: done.inserted,
        ...(meter === undefined ? {} : { bytes: meter.doneBytes }),
        ...(meter?.totalBytes === undefined ? {} : { totalBytes: meter.totalBytes }),
        rowsPerSecond: Math.round((done.rows - done.skipped) / seconds),
      });
      stopWhenOver(options);
    },
  });
  return {
    table,
    rows,
    inserted,
    ms: elapsedMs(clock, startMs),
    ...(repeated === undefined
      ? {}
      : { repeated: { rows: repeated.count, first: describePlace(file, repeated.firstNumber) } }),
  };
}

function withDefaults(options: SeedOptions) {
  const { batchRows, chunkRows, chunkBytes, clock } = options;
  return {
    batchRows: batchRows ?? defaults.batchRows,
    chunkRows: chunkRows ?? defaults.chunkRows,
    chunkBytes: chunkBytes ?? defaults.chunkBytes,
    clock: clock ?? defaults.clock,
  };
}
