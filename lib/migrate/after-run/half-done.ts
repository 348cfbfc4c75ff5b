import type { AfterRunFinding } from "#lib/protocol.ts";
import { isNoMember, schemasCte } from "./schema-lines.ts";

/** A row of `halfDoneQuery`: what a migration began and nothing has finished. */
export type HalfDone =
  | {
      readonly kind: "index";
      readonly name: string;
      readonly owner: string;
      readonly definition: string;
      readonly is_partitioned: boolean;
    }
  | {
      readonly kind: "constraint";
      /** Quoted; a constraint's name has no schema. */
      readonly name: string;
      /** Table or domain. */
      readonly owner: string;
      readonly is_domain: boolean;
    };

/** Invalid indexes, but for those that somebody is building now, and enforced constraints that are NOT VALID. */
export const halfDoneQuery = `with ${schemasCte}
  select 'index' as kind, i.indexrelid::regclass::text as name, i.indrelid::regclass::text as owner,
    pg_get_indexdef(i.indexrelid) as definition, c.relkind = 'I' as is_partitioned, false as is_domain
  from pg_index i join pg_class c on c.oid = i.indexrelid join schemas s on s.oid = c.relnamespace
  where not i.indisvalid and ${isNoMember("pg_class", "c")}
    and not exists (select from pg_stat_progress_create_index b where b.index_relid = i.indexrelid)
  union all
  select 'constraint', quote_ident(k.conname), coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text),
    null, false, k.conrelid = 0
  from pg_constraint k join schemas s on s.oid = k.connamespace
  -- Only PostgreSQL 18 has NOT ENFORCED; such a constraint is never valid, and is meant so.
  where not k.convalidated and k.conparentid = 0 and to_jsonb(k) ->> 'conenforced' is distinct from 'false'
    and ${isNoMember("pg_constraint", "k")}
  order by kind, owner, name`;

/** What is half done, with the statement that ends it. */
export function describeHalfDone(found: HalfDone): AfterRunFinding {
  switch (found.kind) {
    case "index":
      return { code: "index.invalid", object: found.name, message: describeIndex(found) };
    case "constraint":
      return {
        code: "constraint.not-validated",
        object: `${found.owner} ${found.name}`,
        message:
          `Constraint ${found.name} of ${found.owner} is NOT VALID: what was there before it was never checked. ` +
          `Run: alter ${found.is_domain ? "domain" : "table"} ${found.owner} validate constraint ${found.name}`,
      };
    default:
      return found satisfies never;
  }
}

function describeIndex({ name, owner, definition, is_partitioned }: HalfDone & { readonly kind: "index" }): string {
  const what = `Index ${name} on ${owner} is invalid`;
  if (is_partitioned) {
    return `${what}: not every partition has its part. Build it there, then: alter index ${name} attach partition …`;
  }
  const drop = `drop index concurrently ${name}`;
  if (/_cc(?:new|old)\d*"?$/u.test(name)) return `${what}: a REINDEX CONCURRENTLY that failed left it. Run: ${drop}`;
  const rebuild = definition.replace(/^(CREATE (?:UNIQUE )?INDEX) /u, "$1 CONCURRENTLY ");
  return `${what}: no query uses it, and a unique one does not keep duplicates out. Run: ${drop}; then: ${rebuild}`;
}
