import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type SeedInput, seedSets } from "./contenders.ts";
import { type RowFormat, writeRows } from "./rows.ts";

/** Writes the rows in each format, as seed sets; the CSV file of its set is what the other tools read. */
export async function writeSeedInput(
  dir: string,
  rows: number,
  formats: readonly RowFormat[],
): Promise<SeedInput & { readonly bytesPerRow: number }> {
  const bytes: number[] = [];
  for (const format of formats) {
    await mkdir(join(dir, seedSets[format]), { recursive: true });
    bytes.push(await writeRows(pathOf(dir, format), format, rows));
  }
  return { rows, seedsDir: dir, csv: pathOf(dir, "csv"), bytesPerRow: bytes[0] ?? Number.NaN };
}

function pathOf(dir: string, format: RowFormat): string {
  return join(dir, seedSets[format], `10-people.${format === "ndjson" ? "ndjson" : "csv"}`);
}
