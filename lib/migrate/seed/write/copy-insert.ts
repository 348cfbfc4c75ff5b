import type pg from "pg";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import type { CopyRows, SeedChunk } from "./chunks.ts";
import { sendRows } from "./copy.ts";
import { type MarkKey, type SeedMark, writeMark } from "./marks.ts";
import { currentXidSql, type RepeatedRows, type Repeats } from "./repeats.ts";
import { advanceSql } from "./sequence.ts";
import { inTransaction, type SeedRun } from "./transaction.ts";

/** In its own schema, so that no table of the application is meant. */
const relation = "pg_temp.postern_seed_rows";

export type CopyInsertOptions = {
  readonly run: SeedRun;
  readonly repeats: Repeats;
  /** Written in the same transaction. */
  readonly mark?: { readonly key: MarkKey; readonly mark: SeedMark } | undefined;
};

/**
 * Inserts a chunk, passing over rows that are there already, all in one transaction: the server reads the rows as COPY does,
 * which costs it less than arrays of text and us nothing at all.
 *
 * 1. Makes a temporary table with the columns of the rows, which goes with the transaction.
 * 2. Copies the rows into it, and inserts from it.
 * 3. Moves the sequences behind serial and identity columns past the numbers given.
 * 4. Looks for rows that were passed over because the file has their key twice.
 *
 * @throws what `inTransaction` throws; nothing of the chunk is kept
 */
export async function copyAndInsert(
  client: pg.Client,
  { insert, rows: asked }: SeedChunk,
  copy: CopyRows,
  { run, repeats, mark }: CopyInsertOptions,
): Promise<{ readonly inserted: number; readonly repeated: RepeatedRows | undefined }> {
  const columns = insert.columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`).join(", ");
  const written = await inTransaction(client, run, async () => {
    await client.query(`create temporary table ${relation} (${columns}) on commit drop`);
    await sendRows(client, `copy ${relation} from stdin (format ${copy.format}, encoding 'utf8')`, copy.data);
    const inserted = (await client.query(insert.fromRelation(relation))).rowCount ?? 0;
    for (const { name, sequence } of insert.columns) {
      if (sequence === null) continue;
      await client.query(
        advanceSql(sequence, `select max(${quoteIdentifier(name)})::bigint as highest from ${relation}`),
      );
    }
    const inOrder = { sql: `(select *, ctid as postern_place from ${relation})`, parameters: [] };
    const repeated = await repeats.find(client, insert, inOrder, { asked, inserted });
    const xid = inserted === 0 ? undefined : (await client.query<{ xid: string }>(currentXidSql)).rows[0]?.xid;
    if (mark !== undefined) await writeMark(client, mark.key, mark.mark);
    return { inserted, repeated, xid };
  });
  if (written.xid !== undefined) repeats.remember(written.xid);
  return written;
}
