import type { StatusResult } from "#lib/contract.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { compareHistory } from "./history.ts";
import { type Queryable, readAppliedRows } from "./ledger.ts";
import type { MigrationFolder } from "./source.ts";

/** What is applied, what is pending and what contradicts the folder. Reads only; needs no write privilege. */
export async function readStatus(
  client: Queryable,
  folder: Pick<MigrationFolder, "migrations">,
): Promise<StatusResult> {
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
