import type { AfterRunFinding } from "#lib/protocol.ts";
import { quoteLiteral } from "#lib/postgres/quote.ts";
import { isNoMember, schemasCte } from "./schema-lines.ts";

/** A row of `sequencesQuery`: a sequence and a column that takes its numbers. Names are quoted. */
export type FedColumn = {
  readonly sequence: string;
  readonly table: string;
  readonly column: string;
  /** Text, as it may go beyond 2^53; never 0. */
  readonly increment: string;
  readonly has_index: boolean;
  readonly may_read: boolean;
  /** The table has no block, and so no row: not asked of a partitioned one, whose blocks are its partitions'. */
  readonly is_empty: boolean;
};

/**
 * Sequences and the whole-number columns that they feed: identity, `serial`, owned, or a default that is `nextval` and no
 * more. One that cycles repeats its numbers by intention.
 */
export const sequencesQuery = `with ${schemasCte},
  fed as (
    select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number
    from pg_depend d
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
      and d.refobjsubid > 0
    union
    select d.refobjid, f.adrelid, f.adnum
    from pg_attrdef f
    join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
      -- On its column each default depends automatically, on what it calls normally: few are left to be written out.
      and d.deptype = 'n'
    where pg_get_expr(f.adbin, f.adrelid) ~ '^nextval\\(.*::regclass\\)$'
  )
  select q.seqrelid::regclass::text as sequence, c.oid::regclass::text as table, quote_ident(a.attname) as column,
    q.seqincrement::text as increment,
    exists (select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
      where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indpred is null and i.indisvalid and m.amname = 'btree')
      as has_index,
    has_table_privilege(q.seqrelid, 'select') and has_column_privilege(c.oid, a.attnum, 'select')
      and has_schema_privilege(c.relnamespace, 'usage') and has_schema_privilege(qc.relnamespace, 'usage') as may_read,
    c.relkind = 'r' and pg_relation_size(c.oid) = 0 as is_empty
  from fed
  join pg_sequence q on q.seqrelid = fed.sequence
  join pg_class qc on qc.oid = q.seqrelid
  join pg_class c on c.oid = fed.relation
  join schemas s on s.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum = fed.number
  join pg_type t on t.oid = a.atttypid
  where coalesce(nullif(t.typbasetype, 0), t.oid) in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
    and not q.seqcycle and c.relkind in ('r', 'p') and ${isNoMember("pg_class", "c")}
  order by 2, 3, 1`;

/** Why a column is not compared with its sequence; undefined: it is. */
export function describeUnchecked(fed: FedColumn): AfterRunFinding | undefined {
  const reason = fed.may_read
    ? `no index begins with ${fed.column}, and reading the whole table costs too much`
    : "this role may not read both";
  if (fed.may_read && fed.has_index) return undefined;
  const message = `Whether ${fed.sequence} is behind ${fed.table}.${fed.column} was not checked: ${reason}.`;
  return { code: "sequence.unchecked", object: fed.sequence, message };
}

/** A row of the query that `buildBehindQuery` makes. Numbers as text: they go beyond 2^53. */
export type Behind = { readonly place: number; readonly next: string; readonly furthest: string };

/** One query for all of them: the sequences whose next number is in the column already, or was passed there. */
export function buildBehindQuery(columns: readonly FedColumn[]): string {
  // Planning takes most of the time: each part is as little as it can be.
  const parts = columns.map((fed, place) => {
    // A sequence that was never used, or was restarted, still owes `last_value` itself.
    const next = `last_value::numeric + is_called::int * (${fed.increment})`;
    return `select ${place} as place, ${next} as next, ${isDescending(fed)} as is_descending, (${furthest(fed)})::numeric as furthest from ${fed.sequence}`;
  });
  return `select place, next::text, furthest::text from (${parts.join("\nunion all\n")}) one
    where case when is_descending then furthest <= next else furthest >= next end order by place`;
}

export function describeBehind(fed: FedColumn, found: Behind): AfterRunFinding {
  const { sequence, table, column } = fed;
  const message =
    `Sequence ${sequence} gives ${found.next} next, but ${table}.${column} has reached ${found.furthest}: inserts will ` +
    `repeat its numbers. Run: select setval(${quoteLiteral(sequence)}, (${furthest(fed)})::bigint)`;
  return { code: "sequence.behind", object: sequence, message };
}

function furthest(fed: FedColumn): string {
  return `select ${isDescending(fed) ? "min" : "max"}(${fed.column}) from ${fed.table}`;
}

function isDescending({ increment }: FedColumn): boolean {
  return increment.startsWith("-");
}
