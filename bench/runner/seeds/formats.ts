import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { type BenchServer, withClient } from "../database.ts";
import { seedWithPostern } from "./postern.ts";
import { createPeople, writeRows } from "./rows.ts";

/** Whether this Postern reads seeds as CSV: tried out, so that older ones can be compared too. */
export async function readsCsv(server: BenchServer): Promise<boolean> {
  const seedsDir = join(server.workDir, "probe");
  await mkdir(join(seedsDir, "set"), { recursive: true });
  await writeRows(join(seedsDir, "set", "10-people.csv"), "csv", 1);
  const database = await server.createDatabase();
  await withClient(database, async (client) => client.query(createPeople));
  try {
    await seedWithPostern(database.address, { seedsDir, set: "set" });
    return true;
  } catch (error) {
    if (error instanceof PosternError && error.code === "seed.invalid-file") return false;
    throw error;
  } finally {
    await server.dropDatabase(database);
    await rm(seedsDir, { recursive: true });
  }
}
