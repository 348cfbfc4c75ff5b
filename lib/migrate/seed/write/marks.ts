import type pg from "pg";

/** How far a file got, in the ledger (`postern.seed_files`). */
export type SeedMark = {
  /** The table's storage, which is another one after TRUNCATE; null for SQL. */
  readonly storage: string | null;
  readonly rows: number;
  readonly bytes: number;
  readonly lines: number;
  /** Of what was loaded: `sha256:…`, or the version that the place of the file gives it. */
  readonly digest: string;
  readonly isComplete: boolean;
};

/** What a mark is about: a file of a set. */
export type MarkKey = { readonly set: string; readonly file: string };

export async function readMark(client: pg.Client, { set, file }: MarkKey): Promise<SeedMark | undefined> {
  const { rows } = await client.query<Record<keyof SeedMark, unknown>>(
    `select storage, rows, bytes, lines, digest, is_complete as "isComplete"
     from postern.seed_files where set_name = $1 and file = $2`,
    [set, file],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  // bigint comes as text; these are far below 2^53.
  const counts = { rows: Number(row.rows), bytes: Number(row.bytes), lines: Number(row.lines) };
  return { ...(row as SeedMark), ...counts };
}

/**
 * Call it inside the transaction that writes what the mark is about.
 *
 * @returns that transaction's id, as `xmin` has it
 */
export async function writeMark(client: pg.Client, { set, file }: MarkKey, mark: SeedMark): Promise<string> {
  const { rows } = await client.query<{ xid: string }>(
    `insert into postern.seed_files (set_name, file, storage, rows, bytes, lines, digest, is_complete)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (set_name, file) do update set storage = excluded.storage, rows = excluded.rows, bytes = excluded.bytes,
       lines = excluded.lines, digest = excluded.digest, is_complete = excluded.is_complete, changed_at = clock_timestamp()
     returning pg_current_xact_id()::xid::text as xid`,
    [set, file, mark.storage, mark.rows, mark.bytes, mark.lines, mark.digest, mark.isComplete],
  );
  return rows[0]?.xid ?? "";
}

export async function deleteMark(client: pg.Client, { set, file }: MarkKey): Promise<void> {
  await client.query("delete from postern.seed_files where set_name = $1 and file = $2", [set, file]);
}
