import { createHash } from "node:crypto";
import type { AppliedRow, History } from "../history/history.ts";

/**
 * Names exactly what would run: the pending migrations in order, by tag and checksum, and the history that they would
 * run on, as the set that it is. The same plan has the same hash wherever and whenever it is made; another file, another
 * order, one migration applied by somebody else, and it is another.
 */
export function hashPlan({ pending }: Pick<History, "pending">, applied: readonly AppliedRow[]): string {
  const hash = createHash("sha256");
  const rows = applied.map(({ checksum, when }) => `${when}\0${checksum}`).toSorted();
  for (const row of rows) hash.update(`applied\0${row}\n`);
  for (const { tag, when, checksum } of pending) hash.update(`pending\0${tag}\0${when}\0${checksum}\n`);
  return hash.digest("hex");
}
