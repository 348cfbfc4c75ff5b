import type { Node, RangeVar } from "libpg-query";
import { quoteQualified } from "#lib/postgres/quote.ts";
import type { Queryable } from "../ledger/ledger.ts";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { KitStatement } from "./needless.ts";

export type EmptiedTable = {
  /** `schema.table` */
  readonly label: string;
  /** Neither it nor the table that it is a partition of is in the schema file. */
  readonly isUnmanaged: boolean;
};

/**
 * drizzle-kit empties a table with CASCADE, which takes with it every table that refers to it, and those that refer to these,
 * also tables that the schema file does not have. This is the statement that names them all instead: it is what it says, and
 * where another table refers to one of them by then the server refuses it (0A000 feature_not_supported).
 */
export async function spellOutCascade(
  client: Queryable,
  statement: KitStatement,
  { tables }: Pick<SchemaDescription, "tables">,
): Promise<{ readonly sql: string; readonly emptied: readonly EmptiedTable[] } | undefined> {
  const named = readNamed(statement.node);
  if (named === undefined) return undefined;
  const { rows } = await client.query<{ schema: string; name: string; root: string }>(reachedQuery, [
    named.map(({ schemaname = "public", relname = "" }) => quoteQualified(schemaname, relname)),
  ]);
  const emptied = rows.map(({ schema, name, root }) => {
    const label = `${schema}.${name}`;
    return { label, isUnmanaged: tables[label] === undefined && tables[root] === undefined };
  });
  const sql = `truncate table ${rows.map(({ schema, name }) => quoteQualified(schema, name)).join(", ")}`;
  return { sql, emptied };
}

function readNamed(node: Node): RangeVar[] | undefined {
  if (!("TruncateStmt" in node) || node.TruncateStmt.behavior !== "DROP_CASCADE") return undefined;
  return (node.TruncateStmt.relations ?? []).flatMap((one) => ("RangeVar" in one ? [one.RangeVar] : []));
}

/** The tables that are named first, with their partitions and heirs, then what refers to any of them. */
const reachedQuery = `
  with recursive reached (oid, step) as (
    select to_regclass(name)::oid, 0 from unnest($1::text[]) as name
    union
    select next.oid, least(r.step + 1, 1) from reached r cross join lateral (
      select k.conrelid as oid from pg_constraint k where k.contype = 'f' and k.confrelid = r.oid
      union all
      select i.inhrelid from pg_inherits i where i.inhparent = r.oid
    ) next
  )
  select n.nspname as schema, c.relname as name,
    (select format('%s.%s', rn.nspname, rc.relname)
     from pg_class rc join pg_namespace rn on rn.oid = rc.relnamespace
     where rc.oid = coalesce(pg_partition_root(c.oid), c.oid)) as root
  from (select oid, min(step) as step from reached group by oid) r
  join pg_class c on c.oid = r.oid join pg_namespace n on n.oid = c.relnamespace
  order by r.step, 1, 2`;
