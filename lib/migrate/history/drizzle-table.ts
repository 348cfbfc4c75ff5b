import { drizzleTable, ledgerSchema } from "#lib/contract.ts";
import { quoteLiteral, quoteQualified } from "#lib/postgres/quote.ts";
import type { FolderFormat } from "../folder/listing.ts";
import type { AppliedRow } from "./history.ts";
import type { Queryable } from "../ledger/ledger.ts";
import type { Migration } from "../folder/source.ts";

/**
 * drizzle's own table of applied migrations, which Postern reads and writes so that either tool may go on where the other stopped.
 *
 * | column     | since | is |
 * |------------|-------|----|
 * | id         | 0.45  | serial |
 * | hash       | 0.45  | SHA-256 of the file; neither version of drizzle compares it, 1.0's upgrade aside |
 * | created_at | 0.45  | milliseconds: the journal's `when`, of 1.0 the folder's timestamp to the second |
 * | name       | 1.0   | name of the folder; null in a row of 0.45 that was written after the upgrade |
 * | applied_at | 1.0   | default now(); null in rows that 1.0 found when it upgraded the table |
 *
 * How drizzle decides what to apply (read in the packages' source):
 * - 0.45.4 (`PgDialect.migrate`) takes the latest `created_at` and applies what is later in the journal.
 * - 1.0.0-rc.5 (`pg-core/async/session.ts`, `migrator.utils.ts`) applies each folder whose name is not in `name`. A
 *   row without a name does not count, so every row in a table that has the column must carry it.
 * - 1.0.0-rc.5 (`up-migrations/pg.ts`) upgrades a table without `name`: it matches each row by `created_at` cut to the second, several in
 *   one second by `hash`, and fails where a row matches no folder. It fills `name` and leaves `created_at` alone, so that
 *   one table holds milliseconds from 0.45 and seconds from 1.0.
 * https://github.com/drizzle-team/drizzle-orm, tags 0.45.4 and v1.0.0-rc.5.
 */
const tableName = quoteQualified(drizzleTable.schema, drizzleTable.name);

/** What is there to read and write. */
export type DrizzleLayout = {
  readonly exists: boolean;
  /** drizzle 1.0 has made or upgraded the table. */
  readonly hasName: boolean;
  readonly hasAppliedAt: boolean;
  /** Postern's ledger tells when each migration was applied. */
  readonly hasLedger: boolean;
};

/**
 * Reads only, needs no privilege and never fails for a table that is not there. One query on the catalogs: `to_regclass`
 * fails with 42501 where the role may not use the schema.
 */
export async function readDrizzleLayout(client: Queryable): Promise<DrizzleLayout> {
  const { rows } = await client.query<{ schema: string; columns: string[] }>(
    `select n.nspname as schema, array_agg(a.attname::text) as columns
     from pg_namespace n
     join pg_class c on c.relnamespace = n.oid
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where (n.nspname, c.relname) in (($1, $2), ($3, 'run_migrations'))
     group by n.nspname`,
    [drizzleTable.schema, drizzleTable.name, ledgerSchema],
  );
  const columns = rows.find(({ schema }) => schema === drizzleTable.schema)?.columns;
  return {
    exists: columns !== undefined,
    hasName: columns?.includes("name") ?? false,
    hasAppliedAt: columns?.includes("applied_at") ?? false,
    hasLedger: rows.some(({ schema }) => schema === ledgerSchema),
  };
}

/**
 * Its rows in the order in which they were written; none where the table does not exist. Reads only, and needs no more than
 * SELECT on what exists. The time is the ledger's where it has one, else drizzle 1.0's.
 *
 * @param options `withTimes`: whether the ledger is asked for them, default true
 */
export async function readAppliedRows(
  client: Queryable,
  options: { readonly layout?: DrizzleLayout | undefined; readonly withTimes?: boolean } = {},
): Promise<AppliedRow[]> {
  const layout = options.layout ?? (await readDrizzleLayout(client));
  if (!layout.exists) return [];
  const { rows } = await client.query<Row>(selectRows(layout, options.withTimes ?? true));
  return rows.map(toAppliedRow);
}

/** The rows in either layout; fails where the table does not exist (42P01 or 3F000). */
export const everyRowQuery = `select * from ${tableName} order by id`;

/** A row of `everyRowQuery`. What drizzle 0.45 does not have is not there. */
export type Row = {
  readonly hash: string;
  readonly created_at: string | null;
  readonly name?: string | null;
  readonly applied_at?: Date | null;
};

export function toAppliedRow({ hash, created_at: createdAt, name, applied_at: appliedAt }: Row): AppliedRow {
  return {
    checksum: hash,
    when: Number(createdAt ?? 0),
    name: name ?? undefined,
    appliedAt: appliedAt ?? undefined,
  };
}

function selectRows({ hasName, hasAppliedAt, hasLedger }: DrizzleLayout, withTimes: boolean): string {
  const appliedAt = hasAppliedAt ? "d.applied_at" : "null::timestamptz";
  const name = hasName ? "d.name" : "null::text as name";
  if (!hasLedger || !withTimes)
    return `select d.hash, d.created_at, ${name}, ${appliedAt} as applied_at from ${tableName} d order by d.id`;
  return `select d.hash, d.created_at, ${name}, coalesce(m.ended_at, ${appliedAt}) as applied_at
    from ${tableName} d
    left join (
      select checksum, max(ended_at) as ended_at from postern.run_migrations where outcome = 'applied' group by checksum
    ) m on m.checksum = d.hash
    order by d.id`;
}

/**
 * The statement that records a migration as applied, such that either version of drizzle takes it as its own. Complete, with
 * its values in it, so that it can be one of several in a message.
 */
export function insertAppliedSql(
  { checksum, when, name }: Pick<Migration, "checksum" | "when" | "name">,
  { hasName }: Pick<DrizzleLayout, "hasName">,
): string {
  const values = `${quoteLiteral(checksum)}, ${BigInt(when)}`;
  return hasName
    ? `insert into ${tableName} (hash, created_at, name) values (${values}, ${quoteLiteral(name)})`
    : `insert into ${tableName} (hash, created_at) values (${values})`;
}

/**
 * The statement that makes the table where there is none, exactly as drizzle would: 1.0's for a folder of 1.0, else that of
 * 0.45. 0.45 would work on 1.0's table too, but leave rows without a name, which 1.0 would apply again. A table that exists
 * is never altered: it is drizzle's, and 1.0 upgrades it by itself, Postern's rows included.
 */
export function createDrizzleTableSql(format: FolderFormat): string {
  const columns = "id serial primary key, hash text not null, created_at bigint";
  const more = format === "folders" ? ", name text, applied_at timestamp with time zone default now()" : "";
  return `create table if not exists ${tableName} (${columns}${more})`;
}
