import type pg from "pg";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import type { SeedTarget, TargetColumn } from "./target.ts";

/** Moves the sequences behind these columns past the highest number in the table. */
export async function advanceSequences(
  client: pg.Client,
  target: SeedTarget,
  columns: readonly TargetColumn[],
): Promise<void> {
  for (const { name, sequence } of columns) {
    if (sequence === null) continue;
    const highest = `select max(${quoteIdentifier(name)})::bigint as highest from ${target.sql}`;
    await client.query(advanceSql(sequence, highest));
  }
}

/**
 * Moves a sequence past the numbers given, forward only: where it has passed them, it stays. A sequence that was never used
 * (or was restarted) still owes `last_value` itself.
 *
 * @param sequence quoted name
 * @param highestSql a select that gives one row with `highest`
 */
export function advanceSql(sequence: string, highestSql: string): string {
  return `
    select setval(${quoteLiteral(sequence)}::regclass, given.highest)
    from (${highestSql}) as given, ${sequence} as s
    where given.highest > s.last_value - (not s.is_called)::int`;
}
