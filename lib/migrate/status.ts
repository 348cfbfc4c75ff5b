import type { StatusResult } from "#lib/contract.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { readAppliedRows } from "./drizzle-table.ts";
import { type ComparedFolder, compareHistory } from "./history.ts";
import type { Queryable } from "./ledger.ts";

/** What is applied, what is pending and what contradicts the folder. Reads only; needs no write privilege. */
export async function readStatus(client: Queryable, folder: ComparedFolder): Promise<StatusResult> {
  try {
    const { applied, pending, findings } = compareHistory(folder, await readAppliedRows(client));
    return {
      applied: applied.map(({ migration, at }) => ({ tag: migration.tag, at: at.toISOString() })),
      pending: pending.map(({ tag }) => tag),
      findings,
    };
  } catch (error) {
    throw toDatabaseError(error, "reading the migration history");
  }
}
