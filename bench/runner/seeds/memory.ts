import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BenchServer, withClient } from "../database.ts";
import type { Sizes } from "../sizes.ts";
import { readsCsv } from "./formats.ts";
import { writeSeedInput } from "./input.ts";
import { createPeople, type RowFormat } from "./rows.ts";

const run = promisify(execFile);

export type SeedMemory = {
  readonly rows: number;
  readonly format: RowFormat;
  /** Highest resident memory of the process. */
  readonly maxRssMb: number;
  readonly rowsPerSecond: number;
};

/** Seeds few and many rows, each in a process of its own: the memory must not grow with the rows. */
export async function measureMemory(server: BenchServer, { memoryRows }: Sizes): Promise<SeedMemory[]> {
  const format: RowFormat = (await readsCsv(server)) ? "csv" : "ndjson";
  const results: SeedMemory[] = [];
  for (const rows of memoryRows) {
    const dir = join(server.workDir, `memory-${rows}`);
    const { seedsDir } = await writeSeedInput(dir, rows, [format]);
    const database = await server.createDatabase();
    await withClient(database, async (client) => client.query(createPeople));
    const order = JSON.stringify({ address: database.address, seedsDir, set: format });
    const { stdout } = await run(process.execPath, [join(import.meta.dirname, "child.ts")], {
      env: { ...process.env, POSTERN_BENCH_SEED: order },
    });
    const { maxRssMb, ms } = JSON.parse(stdout) as { maxRssMb: number; ms: number };
    results.push({ rows, format, maxRssMb, rowsPerSecond: (rows / ms) * 1000 });
    await server.dropDatabase(database);
    await rm(dir, { recursive: true });
  }
  return results;
}
