import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { drizzleTable, ledgerSchema } from "#lib/contract.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { quoteIdentifier, quoteQualified } from "#lib/postgres/quote.ts";
import type { ColumnKind } from "./values.ts";

/** A table as the catalog describes it: all that is needed to insert into it. */
export type SeedTarget = {
  /** As the seed file calls it. */
  readonly table: string;
  /** Quoted, with its schema. */
  readonly sql: string;
  readonly oid: string;
  readonly columns: ReadonlyMap<string, TargetColumn>;
  readonly uniqueKeys: readonly UniqueKey[];
};

export type TargetColumn = {
  readonly name: string;
  /**
   * The type without its modifier: a cast to `varchar(3)` would cut a longer value in silence, while the insert into
   * the column refuses it (22001).
   */
  readonly type: string;
  readonly kind: ColumnKind;
  readonly isGenerated: boolean;
  readonly isIdentityAlways: boolean;
  /** Quoted name of the sequence behind a serial or identity column. */
  readonly sequence: string | null;
};

export type UniqueKey = {
  readonly isPrimary: boolean;
  /** False for a partial or expression index: it cannot be named by its columns. */
  readonly isPlain: boolean;
  readonly columns: readonly string[];
};

/**
 * Looks a table up in the catalog.
 *
 * @throws PosternError `seed.invalid-file` when there is none, or it is no table
 */
export async function readTarget(client: pg.Client, table: string, fileName: string): Promise<SeedTarget> {
  try {
    const { oid, sql } = await findTable(client, table, fileName);
    const columns = await client.query<TargetColumn>(columnsSql, [oid, sql]);
    const keys = await client.query<UniqueKey>(uniqueKeysSql, [oid]);
    return {
      table,
      sql,
      oid,
      columns: new Map(columns.rows.map((column) => [column.name, column])),
      uniqueKeys: keys.rows,
    };
  } catch (error) {
    throw toDatabaseError(error, `looking up table ${table} for ${fileName}`);
  }
}

async function findTable(
  client: pg.Client,
  table: string,
  fileName: string,
): Promise<{ readonly oid: string; readonly sql: string }> {
  const parts = table.split(".");
  if (parts.length > 2 || parts.some((part) => part === "" || part.includes("\0"))) {
    throw new PosternError("seed.invalid-file", `${fileName}: ${JSON.stringify(table)} is no table name.`);
  }
  const found = await client.query<{ oid: string; kind: string; schema: string; name: string }>(tableSql, [
    parts.map(quoteIdentifier).join("."),
  ]);
  const [row] = found.rows;
  if (row === undefined) {
    throw new PosternError("seed.invalid-file", `${fileName}: there is no table ${table} in this database.`, {
      hint: "Apply the migrations first, or mend the name.",
    });
  }
  if (closedSchemas.has(row.schema)) {
    throw new PosternError(
      "seed.invalid-file",
      `${fileName}: ${table} is in schema ${row.schema}, which is not for seeds.`,
      {
        hint: "A row there would pass for a run or a migration that never was. Seed tables of the application.",
      },
    );
  }
  // Ordinary, partitioned, foreign.
  if (!["r", "p", "f"].includes(row.kind)) {
    throw new PosternError("seed.invalid-file", `${fileName}: ${table} is not a table.`);
  }
  return { oid: row.oid, sql: quoteQualified(row.schema, row.name) };
}

/** The runner's own records, drizzle's, and PostgreSQL's. */
const closedSchemas: ReadonlySet<string> = new Set([
  ledgerSchema,
  drizzleTable.schema,
  "pg_catalog",
  "information_schema",
]);

const tableSql = `
  select c.oid::text as oid, c.relkind::text as kind, n.nspname::text as schema, c.relname::text as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = to_regclass($1)`;

/** A modifier of -1 stands for "none"; NULL would turn bpchar into `character`, which means `character(1)`. */
const columnsSql = `
  select
    a.attname::text as name,
    format_type(a.atttypid, -1) as type,
    case
      when base.typname in ('json', 'jsonb') then 'json'
      when base.typcategory = 'A' then 'array'
      when base.typcategory = 'N' then 'number'
      when base.typcategory = 'B' then 'boolean'
      else 'text'
    end as kind,
    a.attgenerated <> '' as "isGenerated",
    a.attidentity = 'a' as "isIdentityAlways",
    pg_get_serial_sequence($2, a.attname) as sequence
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  join pg_type base on base.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
  where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
  order by a.attnum`;

/** A deferrable constraint cannot decide ON CONFLICT. Columns after \`indnkeyatts\` are only carried along (INCLUDE). */
const uniqueKeysSql = `
  select
    i.indisprimary as "isPrimary",
    i.indpred is null and i.indexprs is null as "isPlain",
    array(
      select a.attname::text
      from unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where k.place <= i.indnkeyatts
      order by k.place
    ) as columns
  from pg_index i
  where i.indrelid = $1::oid and i.indisunique and i.indisvalid and i.indimmediate
  order by i.indisprimary desc, i.indexrelid`;
