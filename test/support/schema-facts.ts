import type pg from "pg";

/** Everything of schema `public` that a migration makes, in one list that two databases can be compared by. */
export async function readSchemaFacts(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ fact: string }>(
    `select format('column %s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                   a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as fact
     from pg_attribute a join pg_class c on c.oid = a.attrelid
     left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v')
     union all
     select format('index %s valid: %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
     from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'public'::regnamespace
     union all
     select format('constraint %s %s', conname, pg_get_constraintdef(oid))
     from pg_constraint where connamespace = 'public'::regnamespace
     union all
     select format('label %s.%s', t.typname, e.enumlabel)
     from pg_enum e join pg_type t on t.oid = e.enumtypid where t.typnamespace = 'public'::regnamespace
     order by fact`,
  );
  return rows.map(({ fact }) => fact);
}
