import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findSeedFiles } from "#lib/migrate/seed/sets.ts";

/** Whether this Postern reads seeds as CSV. */
export async function readsCsv(workDir: string): Promise<boolean> {
  const dir = join(workDir, "probe");
  await mkdir(join(dir, "set"), { recursive: true });
  await writeFile(join(dir, "set", "10-people.csv"), "id\n1\n");
  try {
    return await findSeedFiles(dir, "set").then(
      () => true,
      () => false,
    );
  } finally {
    await rm(dir, { recursive: true });
  }
}
