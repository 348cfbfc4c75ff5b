import { createScramVerifier } from "#lib/migrate/roles/scram-verifier.ts";
import { connect } from "#lib/postgres/connect.ts";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import { type PostgresServer, superuserAddress } from "./server.ts";

export const masterName = "postern_master";

export type MasterOptions = {
  readonly server: PostgresServer;
  readonly database: string;
  readonly password: string;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Makes the database and its master as RDS does: a role that is no superuser, may create roles and databases, owns the
 * database, and may hand on `pg_read_all_stats`. Everything else on the stage works as this role or as one it made; this
 * is the only use of the superuser.
 *
 * The password is set at every start: the secret is what counts.
 */
export async function ensureMaster({ server, database, password, signal }: MasterOptions): Promise<void> {
  await using connection = await connect(superuserAddress(server), {
    applicationName: "postern local",
    ...(signal === undefined ? {} : { signal }),
  });
  const { client } = connection;
  const { rows } = await client.query<{ role: boolean; database: boolean }>(
    `select exists (select from pg_roles where rolname = $1) as role,
            exists (select from pg_database where datname = $2) as database`,
    [masterName, database],
  );
  const master = quoteIdentifier(masterName);
  if (rows[0]?.role !== true) await client.query(`create role ${master}`);
  const verifier = quoteLiteral(await createScramVerifier(password));
  await client.query(`alter role ${master} login nosuperuser createrole createdb password ${verifier}`);
  await client.query(`grant pg_read_all_stats to ${master} with admin option`);
  if (rows[0]?.database !== true) {
    await client.query(`create database ${quoteIdentifier(database)} owner ${master}`);
  }
}
