import type { Node } from "libpg-query";
import type { Queryable } from "../ledger/ledger.ts";
import type { CatalogFacts, ColumnFacts, ForeignKeyFacts, NotNullCheck } from "./facts.ts";

/** Names that the statements write, of whatever kind: more than are relations, and never fewer. */
export type NamesInPlan = { readonly relations: readonly string[]; readonly functions: readonly string[] };

export function collectNames(trees: readonly Node[]): NamesInPlan {
  const relations = new Set<string>();
  const functions = new Set<string>();
  const stack: unknown[] = [...trees];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (typeof value !== "object" || value === null) continue;
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      if (key === "relname" && typeof inner === "string") relations.add(inner);
      if (key === "objects") for (const name of stringNodes(inner)) relations.add(name);
      if (key === "funcname") for (const name of stringNodes(inner)) functions.add(name);
      if (typeof inner === "object" && inner !== null) stack.push(inner);
    }
  }
  return { relations: [...relations], functions: [...functions] };
}

function stringNodes(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    key === "sval" && typeof inner === "string" ? [inner] : stringNodes(inner),
  );
}

type Row = {
  readonly current_schema: string | null;
  readonly volatile_functions: readonly string[];
  readonly trusted_functions: readonly string[];
  readonly relations: readonly {
    readonly schema: string;
    readonly name: string;
    readonly is_visible: boolean;
    readonly kind: string;
    readonly rows: number;
    readonly bytes: number | null;
    readonly columns: readonly ColumnFacts[] | null;
    readonly not_null_checks: readonly NotNullCheck[] | null;
    readonly foreign_keys: readonly ForeignKeyFacts[] | null;
    readonly index_schema: string | null;
    readonly index_table: string | null;
  }[];
};

/**
 * One look at the catalog, for every relation that the plan names, by its name or by its schema's.
 *
 * Sizes come from `relpages` and `reltuples`, and from the row counters where those are behind: `pg_relation_size` opens
 * the table and would wait behind whoever has it locked, as `pg_get_expr` would. It is asked only about tables that nothing
 * is known of; the size of one that is locked besides stays unknown, and so do its checks.
 */
export async function readFacts(client: Queryable, names: NamesInPlan): Promise<CatalogFacts> {
  const { rows } = await client.query<Row>(factsQuery, [names.relations, names.functions]);
  const [row] = rows;
  return {
    currentSchema: row?.current_schema ?? "public",
    volatileFunctions: new Set(row?.volatile_functions),
    trustedFunctions: new Set(row?.trusted_functions),
    relations: (row?.relations ?? []).map((relation) => ({
      schema: relation.schema,
      name: relation.name,
      isVisible: relation.is_visible,
      kind: relation.kind,
      rows: relation.rows < 0 ? undefined : relation.rows,
      bytes: relation.bytes ?? undefined,
      columns: relation.columns ?? [],
      notNullChecks: relation.not_null_checks ?? [],
      foreignKeys: relation.foreign_keys ?? [],
      indexOf:
        relation.index_schema === null || relation.index_table === null
          ? undefined
          : { schema: relation.index_schema, name: relation.index_table },
    })),
  };
}

const factsQuery = `
  with recursive named as (
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where (c.relname = any($1) or n.nspname = any($1)) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  ), wanted as (
    select oid from named union select indrelid from pg_index where indexrelid in (select oid from named)
  ), locked as (
    -- Whoever waits for this lock makes those behind it wait, too.
    select relation as oid from pg_locks
    where mode = 'AccessExclusiveLock' and pid <> pg_backend_pid()
      and database = (select oid from pg_database where datname = current_database())
  ), tree as (
    -- pg_partition_tree would lock every partition.
    select oid as root, oid as relid from wanted
    union all
    select tree.root, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.relid
    where exists (select from pg_partitioned_table where partrelid = tree.relid)
  ), leaves as (
    -- A partitioned table has no pages of its own.
    select tree.root, l.oid, l.relpages, l.reltuples, relpages = 0 and reltuples < 0 as is_unread,
      l.oid in (select oid from locked) as is_locked
    from tree join pg_class l on l.oid = tree.relid
    where not exists (select from pg_partitioned_table where partrelid = l.oid)
  ), sizes as (
    select root,
      sum(greatest(reltuples, nullif(pg_stat_get_live_tuples(oid), 0), -1))::float8 as rows,
      bool_or(is_unread and is_locked) as is_unknown,
      sum(case when is_unread and is_locked then null
               when is_unread then coalesce(pg_relation_size(oid), 0)
               else relpages::bigint * current_setting('block_size')::bigint end)::float8 as bytes
    from leaves group by root
  ), relations as (
    select n.nspname as schema, c.relname as name, pg_table_is_visible(c.oid) as is_visible, c.relkind as kind,
      coalesce(s.rows, 0) as rows, case when s.is_unknown then null else coalesce(s.bytes, 0) end as bytes,
      (select json_agg(json_build_object('name', a.attname, 'type', t.typname, 'typmod', a.atttypmod,
                                         'notNull', a.attnotnull) order by a.attnum)
       from pg_attribute a join pg_type t on t.oid = a.atttypid
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      (select json_agg(json_build_object('name', k.conname, 'column', a.attname, 'isValid', k.convalidated))
       from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
       where k.conrelid = c.oid and k.contype = 'c' and cardinality(k.conkey) = 1
         and c.oid not in (select oid from locked)
         and pg_get_expr(k.conbin, k.conrelid) = format('(%I IS NOT NULL)', a.attname)) as not_null_checks,
      (select json_agg(json_build_object('name', k.conname, 'schema', fn.nspname, 'table', f.relname, 'columns',
          (select json_agg(a.attname) from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any(k.conkey))))
       from pg_constraint k join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
       where k.conrelid = c.oid and k.contype = 'f') as foreign_keys,
      tn.nspname as index_schema, tc.relname as index_table
    from wanted w
    join pg_class c on c.oid = w.oid
    join pg_namespace n on n.oid = c.relnamespace
    left join sizes s on s.root = c.oid
    left join pg_index i on i.indexrelid = c.oid
    left join pg_class tc on tc.oid = i.indrelid
    left join pg_namespace tn on tn.oid = tc.relnamespace
    where c.relkind <> 't'
  )
  select current_schema() as current_schema,
    (select coalesce(json_agg(distinct proname), '[]') from pg_proc
     where proname = any($2) and provolatile = 'v') as volatile_functions,
    (select coalesce(json_agg(proname), '[]') from
      (select proname from pg_proc p where proname = any($2) group by proname
       having bool_and(pronamespace = 'pg_catalog'::regnamespace or provolatile <> 'v' or exists (
         select from pg_depend d join pg_extension e on e.oid = d.refobjid and e.extname in ('pgcrypto', 'uuid-ossp')
         where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
           and d.refclassid = 'pg_extension'::regclass))) f) as trusted_functions,
    (select coalesce(json_agg(r), '[]') from relations r) as relations`;
