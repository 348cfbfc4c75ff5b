import type { Node, RangeVar } from "libpg-query";
import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { quoteIdentifier, quoteQualified } from "#lib/postgres/quote.ts";

type IndexRow = {
  readonly schema: string;
  readonly name: string;
  readonly is_valid: boolean;
  /** Backend that is building it right now. */
  readonly builder: number | null;
};

/**
 * Drops what a failed concurrent build of this statement's index has left: an index that is not valid, costs every write and
 * answers no query. PostgreSQL keeps it, and with IF NOT EXISTS takes it for the index that was asked for, so that a unique
 * one lets duplicates in. REINDEX CONCURRENTLY leaves its copies, named `…_ccnew` and `…_ccold`.
 *
 * @returns names of the dropped indexes
 * @throws PosternError `migrate.failed` when another connection is building the index at this moment
 */
export async function dropInvalidIndexes(client: pg.Client, node: Node): Promise<string[]> {
  const dropped: string[] = [];
  for (const index of await findLeftovers(client, node)) {
    const name = quoteQualified(index.schema, index.name);
    if (index.builder !== null) {
      throw new PosternError("migrate.failed", `Backend ${index.builder} is building index ${name} at this moment.`, {
        hint: "Wait until it is done, or end it, then run migrate again.",
      });
    }
    await client.query(`drop index concurrently if exists ${name}`);
    dropped.push(name);
  }
  return dropped;
}

/** Whether the index of a concurrent build is there and valid. */
export async function isIndexBuilt(client: pg.Client, node: Node): Promise<boolean> {
  if (!("IndexStmt" in node)) return false;
  const { idxname, relation } = node.IndexStmt;
  const found = await findIndexes(client, relation, "c.relname = $2", idxname ?? "");
  return found.some((index) => index.is_valid);
}

async function findLeftovers(client: pg.Client, node: Node): Promise<IndexRow[]> {
  if ("IndexStmt" in node) {
    const { idxname, relation, concurrent } = node.IndexStmt;
    if (concurrent !== true || idxname === undefined) return [];
    const found = await findIndexes(client, relation, "c.relname = $2", idxname);
    return found.filter((index) => !index.is_valid);
  }
  if (!("ReindexStmt" in node)) return [];
  const { kind, relation } = node.ReindexStmt;
  const isIndex = kind === "REINDEX_OBJECT_INDEX";
  if (!isIndex && kind !== "REINDEX_OBJECT_TABLE") return [];
  const copies = await findIndexes(client, relation, "c.relname ~ $2", "_cc(new|old)\\d*$");
  return copies.filter((index) => !index.is_valid);
}

/** Indexes of a table, or of the table of an index; the name is looked up as the statement would. */
async function findIndexes(
  client: pg.Client,
  relation: RangeVar | undefined,
  condition: string,
  value: string,
): Promise<IndexRow[]> {
  const names = [relation?.schemaname, relation?.relname].filter((name) => name !== undefined);
  const { rows } = await client.query<IndexRow>(
    `select n.nspname::text as schema, c.relname::text as name, i.indisvalid as is_valid, p.pid as builder
     from pg_index i
     join pg_class c on c.oid = i.indexrelid
     join pg_namespace n on n.oid = c.relnamespace
     left join pg_stat_progress_create_index p on p.index_relid = i.indexrelid and p.pid <> pg_backend_pid()
     where i.indrelid = coalesce((select o.indrelid from pg_index o where o.indexrelid = to_regclass($1)), to_regclass($1))
       and ${condition}`,
    [names.map(quoteIdentifier).join("."), value],
  );
  return rows;
}
