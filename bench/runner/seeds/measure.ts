import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type BenchServer, withClient } from "../database.ts";
import type { Sizes } from "../sizes.ts";
import { measureInRounds } from "../../figures/statistics.ts";
import { seeders } from "./contenders.ts";
import { readsCsv } from "./formats.ts";
import { writeSeedInput } from "./input.ts";
import { createPeople, insertStranger } from "./rows.ts";

/** One value a round. */
export type SeedTimes = {
  readonly name: string;
  readonly includes: string;
  readonly startsFilled: boolean;
  readonly rowsPerSecond: readonly number[];
};

/**
 * Fills the same table, with its primary key, in each tool's best way: into an empty one, and into one that has a row, so
 * that each row has to be looked for.
 *
 * @throws Error when a tool does not leave every row
 */
export async function measureSeeds(
  server: BenchServer,
  { seedRows, rounds }: Sizes,
  hasPsql: boolean,
): Promise<{ readonly bytesPerRow: number; readonly times: readonly SeedTimes[] }> {
  const dir = join(server.workDir, "seeds");
  const input = await writeSeedInput(dir, seedRows, ["csv", "csv-quoted", "ndjson"]);
  const hasCsv = await readsCsv(server);
  const contenders = seeders.filter(
    ({ name }) => (hasPsql || !name.startsWith("psql")) && (hasCsv || !name.startsWith("postern, CSV")),
  );
  const values = await measureInRounds(contenders, rounds, async (seeder) => {
    const database = await server.createDatabase();
    await withClient(database, async (client) => client.query(createPeople));
    if (seeder.startsFilled) await withClient(database, async (client) => client.query(insertStranger));
    const start = performance.now();
    await seeder.seed(database, input);
    const ms = performance.now() - start;
    const { rows } = await withClient(database, async (client) =>
      client.query<{ n: number }>("select count(*)::int as n from people where id > 0"),
    );
    if (rows[0]?.n !== seedRows) throw new Error(`${seeder.name} left ${rows[0]?.n} of ${seedRows} rows.`);
    await server.dropDatabase(database);
    return (seedRows / ms) * 1000;
  });
  await rm(dir, { recursive: true });
  const times = contenders.map(({ name, includes, startsFilled }) => {
    return { name, includes, startsFilled, rowsPerSecond: values.get(name) ?? [] };
  });
  return { bytesPerRow: input.bytesPerRow, times };
}
