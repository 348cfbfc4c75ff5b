import type { StatusResult } from "#lib/protocol.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { readAppliedRows } from "./history/drizzle-table.ts";
import { type ComparedFolder, compareHistory, withHalfApplied } from "./history/history.ts";
import { type Queryable, readHalfApplied } from "./ledger/ledger.ts";

/** What is applied, what is pending and what contradicts the folder. Reads only; needs no write privilege. */
export async function readStatus(client: Queryable, folder: ComparedFolder): Promise<StatusResult> {
  try {
    const halfApplied = await readHalfApplied(client);
    const history = compareHistory(folder, await readAppliedRows(client));
    const { applied, pending, findings } = withHalfApplied(history, new Set(halfApplied.map(({ tag }) => tag)));
    return {
      applied: applied.map(({ migration, at }) => ({ tag: migration.tag, at: at.toISOString() })),
      pending: pending.map(({ tag }) => tag),
      ...(halfApplied.length === 0 ? {} : { halfApplied }),
      findings,
    };
  } catch (error) {
    throw toDatabaseError(error, "reading the migration history");
  }
}
