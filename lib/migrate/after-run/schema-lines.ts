import { drizzleTable, ledgerSchema } from "#lib/contract.ts";

/** SQL condition: the catalog row belongs to no extension. */
export function isNoMember(catalog: string, alias: string): string {
  return `not exists (select from pg_depend e
    where e.classid = '${catalog}'::regclass and e.objid = ${alias}.oid and e.deptype = 'e')`;
}

/** Common table expression `schemas`: those that migrations are about. Neither the server's own nor the runner's. */
export const schemasCte = `
  schemas as materialized (
    select s.oid, s.nspname from pg_namespace s
    where s.nspname !~ '^pg_' and s.nspname not in ('information_schema', '${ledgerSchema}', '${drizzleTable.schema}')
  )`;

/**
 * Common table expressions that end in `lines`: the schema in words, one JSON array a line, the same whenever the schema is
 * the same.
 *
 * - No OID, no owner and no grant: those differ between stages, and `setup` looks after them. No name that the server makes
 *   for a NOT NULL (PostgreSQL 18 has one, 16 none), no version of an extension, no value of a sequence.
 * - The order of a table's columns counts: INSERT without a column list, COPY and `select *` see it.
 * - What is half there counts: an invalid index, a constraint that is NOT VALID, a trigger that is disabled.
 * - Not described: operators, casts, text search, foreign servers, publications, default privileges.
 *
 * Types and expressions come out as `deparseSettings` (settings.ts) say; between major versions of PostgreSQL their
 * wording may differ, and with it the fingerprint.
 */
const linesCtes = `${schemasCte},
  relations as materialized (
    select c.*, format('%I.%I', s.nspname, c.relname) as full_name
    from pg_class c join schemas s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c', 'S') and ${isNoMember("pg_class", "c")}
  ),
  lines as (
    select json_build_array('schema', s.nspname)::text as line
    from schemas s where ${isNoMember("pg_namespace", "s")}
    union all
    select json_build_array('extension', x.extname, n.nspname)::text
    from pg_extension x join pg_namespace n on n.oid = x.extnamespace
    union all
    select json_build_array('relation', r.full_name, r.relkind, r.relpersistence, r.relrowsecurity, r.relforcerowsecurity,
      r.relreplident, (select m.amname from pg_am m where m.oid = r.relam),
      (select jsonb_agg(o order by o collate "C") from unnest(r.reloptions) o),
      pg_get_partkeydef(r.oid), pg_get_expr(r.relpartbound, r.oid), nullif(r.reloftype, 0)::regtype::text,
      (select jsonb_agg(h.inhparent::regclass::text order by h.inhseqno) from pg_inherits h where h.inhrelid = r.oid),
      case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end)::text
    from relations r where r.relkind <> 'S'
    union all
    select json_build_array('column', r.full_name, row_number() over (partition by r.oid order by a.attnum), a.attname,
      format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid),
      nullif(a.attcollation, t.typcollation)::regcollation::text, nullif(a.attstorage, t.typstorage), a.attcompression)::text
    from relations r
    join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where r.relkind <> 'S'
    union all
    select json_build_array('constraint', r.full_name, k.conname, pg_get_constraintdef(k.oid))::text
    from relations r join pg_constraint k on k.conrelid = r.oid
    -- A constraint trigger is described below; a partition has its parent's constraints.
    where k.contype not in ('n', 't') and k.conparentid = 0
    union all
    select json_build_array('not null', r.full_name, pg_get_constraintdef(k.oid))::text
    from relations r join pg_constraint k on k.conrelid = r.oid
    where k.contype = 'n' and (not k.convalidated or k.connoinherit)
    union all
    select json_build_array('index', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident, i.indisclustered)::text
    from relations r join pg_index i on i.indrelid = r.oid
    union all
    select json_build_array('statistics', pg_get_statisticsobjdef(x.oid))::text
    from relations r join pg_statistic_ext x on x.stxrelid = r.oid
    union all
    select json_build_array('sequence', r.full_name, r.relpersistence, q.seqtypid::regtype::text, q.seqstart, q.seqincrement,
      q.seqmin, q.seqmax, q.seqcache, q.seqcycle,
      (select jsonb_build_array(d.deptype, d.refobjid::regclass::text, a.attname)
       from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
       where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i')))::text
    from relations r join pg_sequence q on q.seqrelid = r.oid
    union all
    select json_build_array('trigger', pg_get_triggerdef(g.oid), g.tgenabled)::text
    from relations r join pg_trigger g on g.tgrelid = r.oid
    where not g.tgisinternal and g.tgparentid = 0
    union all
    select json_build_array('rule', pg_get_ruledef(w.oid), w.ev_enabled)::text
    from relations r join pg_rewrite w on w.ev_class = r.oid where w.rulename <> '_RETURN'
    union all
    select json_build_array('policy', r.full_name, p.polname, p.polpermissive, p.polcmd,
      (select jsonb_agg(coalesce(o.rolname, 'public') order by o.rolname)
       from unnest(p.polroles) g (oid) left join pg_roles o on o.oid = g.oid),
      pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text
    from relations r join pg_policy p on p.polrelid = r.oid
    union all
    select json_build_array('type', t.oid::regtype::text, t.typtype,
      (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
      case when t.typtype = 'd' then jsonb_build_array(format_type(t.typbasetype, t.typtypmod), t.typnotnull,
        pg_get_expr(t.typdefaultbin, 0), t.typcollation::regcollation::text,
        (select jsonb_agg(jsonb_build_array(k.conname, pg_get_constraintdef(k.oid)) order by k.conname)
         from pg_constraint k where k.contypid = t.oid and k.contype = 'c')) end,
      (select jsonb_build_array(g.rngsubtype::regtype::text, g.rngcollation::regcollation::text, o.opcname,
         g.rngcanonical::regproc::text, g.rngsubdiff::regproc::text)
       from pg_range g join pg_opclass o on o.oid = g.rngsubopc where g.rngtypid = t.oid))::text
    from pg_type t join schemas s on s.oid = t.typnamespace
    where t.typtype in ('e', 'd', 'r') and ${isNoMember("pg_type", "t")}
    union all
    select json_build_array('collation', c.oid::regcollation::text, c.collprovider, c.collisdeterministic, c.collcollate,
      c.collctype, coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'), to_jsonb(c) ->> 'collicurules')::text
    from pg_collation c join schemas s on s.oid = c.collnamespace where ${isNoMember("pg_collation", "c")}
    union all
    -- pg_get_functiondef refuses an aggregate.
    select json_build_array('function', p.oid::regprocedure::text, p.prokind,
      case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end,
      (select to_jsonb(a) - array['aggfnoid', 'aggtranstype', 'aggmtranstype', 'aggsortop']
         || jsonb_build_object('state', a.aggtranstype::regtype::text, 'moving', a.aggmtranstype::regtype::text,
           'sort', a.aggsortop::regoperator::text, 'returns', p.prorettype::regtype::text)
       from pg_aggregate a where a.aggfnoid = p.oid))::text
    from pg_proc p join schemas s on s.oid = p.pronamespace where ${isNoMember("pg_proc", "p")}
    union all
    select json_build_array('event trigger', v.evtname, v.evtevent, v.evtfoid::regprocedure::text, v.evtenabled, v.evttags)::text
    from pg_event_trigger v where ${isNoMember("pg_event_trigger", "v")}
    union all
    select json_build_array('comment', i.type, i.identity, d.description)::text
    from pg_description d cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
    -- FirstNormalObjectId: below it are the server's own thousands.
    where d.objoid >= 16384 and ((d.classoid = 'pg_class'::regclass and d.objoid in
        (select oid from relations union all select x.indexrelid from pg_index x join relations r on r.oid = x.indrelid))
      or (d.classoid = 'pg_type'::regclass and d.objoid in
        (select t.oid from pg_type t join schemas s on s.oid = t.typnamespace where ${isNoMember("pg_type", "t")}))
      or (d.classoid = 'pg_proc'::regclass and d.objoid in
        (select p.oid from pg_proc p join schemas s on s.oid = p.pronamespace where ${isNoMember("pg_proc", "p")}))
      or (d.classoid = 'pg_constraint'::regclass and d.objoid in
        (select k.oid from pg_constraint k join relations r on r.oid = k.conrelid))
      or (d.classoid = 'pg_trigger'::regclass and d.objoid in
        (select g.oid from pg_trigger g join relations r on r.oid = g.tgrelid))
      or (d.classoid = 'pg_policy'::regclass and d.objoid in
        (select p.oid from pg_policy p join relations r on r.oid = p.polrelid)))
  )`;

/** One row, one column: SHA-256 (hex) over the lines. */
export const fingerprintQuery = `with ${linesCtes}
  select encode(sha256(convert_to(coalesce(string_agg(line, e'\\n' order by line collate "C"), ''), 'UTF8')), 'hex')
    as fingerprint
  from lines`;
