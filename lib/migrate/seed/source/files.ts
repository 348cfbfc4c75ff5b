import { PosternError } from "#lib/base/errors.ts";
import { type ByteMeter, metered } from "./content.ts";
import { type CsvText, parseCsvRows, readCsvHeader, readPieces } from "../format/csv.ts";
import { openModule } from "../format/module.ts";
import type { SeedModules } from "../format/modules.ts";
import { readNdjson } from "../format/ndjson.ts";
import type { SeedFilePath } from "./sets.ts";

/** A file of rows, opened. */
export type SeedFile = {
  /** For people: `demo/20-products.ndjson`. */
  readonly name: string;
  readonly table: string;
  readonly conflict?: readonly string[];
  /** Declared columns, where the format has them. */
  readonly columns?: readonly string[];
  /** How people count its rows: `line` in a text file, else `row`; from 1. */
  readonly unit: "line" | "row";
  /** Values are text as PostgreSQL reads it, or null; else JSON. */
  readonly isText: boolean;
  /** Absent where rows come from code. */
  readonly meter?: ByteMeter;
  /** The server may be given its bytes as they are. */
  readonly csv?: CsvText;
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
 * @param modules where code runs
 * @throws PosternError `seed.invalid-file`; for a module those of `SeedModules`
 */
export async function openSeedFile(file: SeedFilePath, modules: SeedModules): Promise<SeedFile> {
  const { name, label: table, format } = file;
  switch (format) {
    case "csv":
      return await openCsv(file);
    case "ndjson": {
      const { content, meter } = await metered(file.content);
      return { name, table, unit: "line", isText: false, meter, rows: () => readNdjson(content, name) };
    }
    case "module":
      return await openModule(file, modules);
    case "sql":
      throw new PosternError("internal", `${name} has no rows: it is SQL.`);
    default:
      return format satisfies never;
  }
}

async function openCsv({ name, label: table, content: whole }: SeedFilePath): Promise<SeedFile> {
  const { content, meter } = await metered(whole);
  const { columns, end } = await readCsvHeader(content, name);
  const csv = { content, columns, start: end };
  const rows = async function* (): AsyncGenerator<SeedRow> {
    for await (const piece of readPieces(content, end, name)) yield* parseCsvRows(piece, columns, name);
  };
  return { name, table, columns, unit: "line", isText: true, meter, csv, rows };
}

/** Where a row stands, for people. */
export function describePlace(file: Pick<SeedFile, "name" | "unit">, rowNumber: number): string {
  return `${file.name} ${file.unit} ${rowNumber}`;
}
