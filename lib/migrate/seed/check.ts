import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import type { SeedModules } from "./format/modules.ts";
import { openSeedFile, type SeedFile } from "./source/files.ts";
import { readBatches } from "./write/rows.ts";
import { openScript, type SeedScript } from "./script.ts";
import type { SeedFilePath } from "./source/sets.ts";
import { readTarget, type SeedTarget } from "./write/target.ts";

export type CheckedFile =
  | { readonly kind: "rows"; readonly file: SeedFile; readonly target: SeedTarget }
  | { readonly kind: "script"; readonly script: SeedScript };

type CheckPorts = {
  /** Where code runs. */
  readonly modules: SeedModules;
  /** Throws when seeding is to end. */
  readonly stop: () => void;
};

/** Of a larger file only the first rows are looked at: reading it twice would take as long again. */
const maxWholeBytes = 4 * 1024 * 1024;
/** As many rows of a module as that, about. */
const maxModuleRows = 50_000;
const firstRows = 1000;
const batchRows = 1000;

/**
 * Looks at every file before anything is written: SQL is parsed, rows are held against the catalog (table, columns, key, the
 * kind of each value). Files up to 4 MiB are read to their end, and modules for 50 000 rows; of larger ones a fault further down is
 * found when it is written.
 *
 * @throws PosternError `seed.invalid-file` with all problems, one a file
 */
export async function checkFiles(
  client: pg.Client,
  paths: readonly SeedFilePath[],
  { modules, stop }: CheckPorts,
): Promise<CheckedFile[]> {
  const checked: CheckedFile[] = [];
  const problems: PosternError[] = [];
  for (const path of paths) {
    try {
      checked.push(await checkFile(client, path, { modules, stop }));
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

async function checkFile(client: pg.Client, path: SeedFilePath, { modules, stop }: CheckPorts): Promise<CheckedFile> {
  if (path.format === "sql") return { kind: "script", script: await openScript(path) };
  const file = await openSeedFile(path, modules);
  const target = await readTarget(client, file.table, file.name);
  const maxRows = rowsToCheck(file);
  let rows = 0;
  for await (const batch of readBatches(file, target, { batchRows })) {
    stop();
    rows += batch.numbers.length;
    if (rows >= maxRows) break;
  }
  return { kind: "rows", file, target };
}

function rowsToCheck({ meter }: SeedFile): number {
  if (meter === undefined) return maxModuleRows;
  const isSmall = meter.totalBytes !== undefined && meter.totalBytes <= maxWholeBytes;
  return isSmall ? Number.POSITIVE_INFINITY : firstRows;
}
