import type { Queryable } from "../ledger/ledger.ts";

/** Tables of the database by `schema.table`. */
export type Tables = ReadonlyMap<string, { readonly columns: readonly string[] }>;

/** Tables of these schemas, partitions and what extensions brought along left out: those are nobody's to push. */
export async function readTables(client: Queryable, schemas: readonly string[]): Promise<Tables> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `select format('%s.%s', n.nspname, c.relname) as name,
       coalesce(array_agg(a.attname::text order by a.attnum) filter (where a.attname is not null), '{}') as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition
       and not exists (select from pg_depend d
                       where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     group by n.nspname, c.relname order by 1`,
    [schemas],
  );
  return new Map(rows.map(({ name, columns }) => [name, { columns }]));
}

/** Partitions, as `schema.table`: what they have comes from their parent. */
export async function readPartitions(client: Queryable): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%s.%s', n.nspname, c.relname) as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relispartition and c.relkind in ('r', 'p') order by 1`,
  );
  return rows.map(({ name }) => name);
}
