import type { Queryable } from "../ledger/ledger.ts";

/**
 * Which database this is: the cluster's identifier, which initdb draws and a major upgrade draws anew, and the database's oid
 * and name. A failover and a restart leave it as it is. So does a physical copy: a restored snapshot is the same database to
 * this, until its history differs.
 *
 * Where a platform keeps the identifier to itself the other two are all; whoever may not ask must not fail, because in a
 * transaction that would end it.
 */
export async function readDatabaseIdentity(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ oid: string; name: string; may_ask: boolean }>(
    `select oid::text, datname::text as name, has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may_ask
     from pg_database where datname = current_database()`,
  );
  const row = rows[0];
  if (row === undefined) throw new TypeError("A connection has a database.");
  const cluster = row.may_ask ? await readSystemIdentifier(client) : "";
  return `${cluster} ${row.oid} ${row.name}`;
}

async function readSystemIdentifier(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    "select system_identifier::text as id from pg_catalog.pg_control_system()",
  );
  return rows[0]?.id ?? "";
}
