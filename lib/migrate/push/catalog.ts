import type { Queryable } from "../ledger.ts";

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

/**
 * One value over every definition in the database but the ledger's: when it is the same before and after, nothing has
 * changed. Definitions are the server's own texts, so that two ways to write one thing are the same here.
 */
export async function fingerprintDefinitions(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ fingerprint: string | null }>(fingerprintQuery);
  return rows[0]?.fingerprint ?? "";
}

const fingerprintQuery = `
  with schemas as (
    select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'postern')
  ), relations as (
    select c.oid, format('%I.%I', s.nspname, c.relname) as name, c.relkind, c.relrowsecurity, c.relforcerowsecurity
    from pg_class c join schemas s on s.oid = c.relnamespace
  ), definitions as (
    select concat_ws(' ', 'schema', nspname) as line from schemas
    union all
    select concat_ws(' ', 'relation', name, relkind, relrowsecurity, relforcerowsecurity) from relations
    union all
    select concat_ws(' ', 'column', r.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                     a.attgenerated, a.attcollation, pg_get_expr(d.adbin, d.adrelid))
    from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    union all
    select concat_ws(' ', 'constraint', r.name, k.conname, k.convalidated, pg_get_constraintdef(k.oid))
    from relations r join pg_constraint k on k.conrelid = r.oid
    union all
    select concat_ws(' ', 'index', pg_get_indexdef(r.oid)) from relations r where r.relkind in ('i', 'I')
    union all
    select concat_ws(' ', 'view', r.name, pg_get_viewdef(r.oid)) from relations r where r.relkind in ('v', 'm')
    union all
    select concat_ws(' ', 'sequence', r.name, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle)
    from relations r join pg_sequence q on q.seqrelid = r.oid
    union all
    select concat_ws(' ', 'label', s.nspname, t.typname, e.enumsortorder, e.enumlabel)
    from schemas s join pg_type t on t.typnamespace = s.oid join pg_enum e on e.enumtypid = t.oid
    union all
    select concat_ws(' ', 'policy', p.schemaname, p.tablename, p.policyname, p.permissive, p.roles, p.cmd, p.qual,
                     p.with_check)
    from pg_policies p
    union all
    select concat_ws(' ', 'role', rolname, rolinherit, rolcreatedb, rolcreaterole) from pg_roles
  )
  select md5(string_agg(line, E'\\n' order by line)) as fingerprint from definitions`;
