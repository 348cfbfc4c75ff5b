import { drizzleTable, roleNames } from "#lib/contract.ts";

/** An SQLSTATE of our own (PostgreSQL leaves classes beyond H to others): the run has lost the lease. */
export const leaseLost = "PN001";

/**
 * Takes from the application and from operators what the migrator's default privileges let them write. Those hold in every
 * schema, so that this is said again whenever the ledger gets a table.
 */
export const revokeWrites = `do $do$
  declare
    writer text;
  begin
    for writer in select rolname from pg_roles where rolname in ('${roleNames.app}', '${roleNames.operator}') loop
      execute format('revoke insert, update, delete on all tables in schema postern, "${drizzleTable.schema}" from %I', writer);
      execute format('revoke usage, update on all sequences in schema postern, "${drizzleTable.schema}" from %I', writer);
    end loop;
  end
  $do$`;

/**
 * Of the ledger, what health and `status` read, and `plan` of half-applied migrations. Results, errors and progress hold SQL, and are
 * for the migrator and operators.
 */
export const readableColumns: Readonly<Record<string, readonly string[]>> = {
  run_migrations: ["tag", "checksum", "ended_at", "outcome"],
  migration_steps: ["tag", "step", "checksum", "state"],
};

const grantReadable = Object.entries(readableColumns)
  .map(
    ([table, columns]) => `execute format('grant select (${columns.join(", ")}) on postern.${table} to %I', reader);`,
  )
  .join(" ");
/** Takes from health and readonly what default privileges and earlier releases gave them, and gives `readableColumns`. */
export const narrowReading = `do $do$
  declare
    reader text;
  begin
    for reader in select rolname from pg_roles where rolname in ('${roleNames.health}', '${roleNames.readonly}') loop
      execute format('revoke all on all tables in schema postern from %I', reader);
      ${grantReadable}
    end loop;
  end
  $do$`;

/**
 * What a run records of its work, each only while it has the lease: the row is locked against the one who would take it, until
 * the transaction ends. KEY SHARE leaves the heartbeat, which changes no key, its way.
 */
const fencedFunctions = `
   create function postern.hold_lease(held_token bigint) returns void
   language plpgsql set search_path = pg_catalog as $body$
   begin
     perform from postern.lease where name = 'run' and token = held_token for key share;
     if not found then
       raise exception 'another run has taken the lease' using errcode = '${leaseLost}';
     end if;
   end
   $body$;
   create function postern.record_applied(
     held_token bigint, run_id text, tag text, checksum text, started_at timestamptz
   ) returns void
   language plpgsql set search_path = pg_catalog as $body$
   begin
     -- As hold_lease does, and here because this is what each of hundreds of migrations waits for.
     perform from postern.lease where name = 'run' and token = held_token for key share;
     if not found then
       raise exception 'another run has taken the lease' using errcode = '${leaseLost}';
     end if;
     insert into postern.run_migrations (run_id, tag, checksum, started_at, outcome)
     values (record_applied.run_id, record_applied.tag, record_applied.checksum, record_applied.started_at, 'applied');
   end
   $body$;
   create function postern.record_step(held_token bigint, run_id text, tag text, step integer, checksum text, state text)
   returns void
   language plpgsql set search_path = pg_catalog as $body$
   begin
     perform postern.hold_lease(held_token);
     insert into postern.migration_steps as s (tag, step, checksum, state, run_id, ended_at)
     values (
       record_step.tag, record_step.step, record_step.checksum, record_step.state, record_step.run_id,
       case when record_step.state = 'done' then clock_timestamp() end
     )
     on conflict on constraint migration_steps_pkey do update
       set checksum = excluded.checksum, state = excluded.state, run_id = excluded.run_id, ended_at = excluded.ended_at;
   end
   $body$;`;

/**
 * The ledger's own history: each entry is applied once, in order. Add to the end, never edit.
 * drizzle's table is none of it: `ensureLedger` makes it for who knows the folder's format.
 */
export const ledgerVersions: readonly string[] = [
  `create table postern.runs (
     run_id text constraint runs_pkey primary key,
     action text not null,
     requested_by text not null,
     git_commit text,
     bundle_version text,
     started_at timestamptz not null default clock_timestamp(),
     ended_at timestamptz,
     outcome text,
     sqlstate text,
     result jsonb,
     error jsonb
   );
   create table postern.run_migrations (
     run_id text not null constraint run_migrations_run_id_fkey references postern.runs,
     tag text not null,
     checksum text not null,
     started_at timestamptz not null,
     ended_at timestamptz not null default clock_timestamp(),
     outcome text not null constraint run_migrations_outcome_check check (outcome in ('applied', 'failed')),
     sqlstate text,
     constraint run_migrations_pkey primary key (run_id, tag)
   );
   create index run_migrations_checksum_idx on postern.run_migrations (checksum) where outcome = 'applied';`,
  revokeWrites,
  `alter table postern.runs
     add column backend_pid integer,
     add column progress jsonb,
     add column cancelled_by text;
   create table postern.lease (
     name text constraint lease_pkey primary key,
     token bigint not null,
     run_id text,
     renewed_at timestamptz not null default clock_timestamp()
   );
   insert into postern.lease (name, token) values ('run', 0);
   create table postern.migration_steps (
     tag text not null,
     step integer not null,
     checksum text not null,
     state text not null constraint migration_steps_state_check check (state in ('running', 'done')),
     run_id text not null constraint migration_steps_run_id_fkey references postern.runs,
     started_at timestamptz not null default clock_timestamp(),
     ended_at timestamptz,
     constraint migration_steps_pkey primary key (tag, step)
   );
   ${fencedFunctions}`,
  `alter table postern.runs add column overrides text[];`,
  `create table postern.seed_files (
     set_name text not null,
     file text not null,
     storage text,
     rows bigint not null,
     bytes bigint not null,
     lines bigint not null,
     digest text not null,
     is_complete boolean not null,
     changed_at timestamptz not null default clock_timestamp(),
     constraint seed_files_pkey primary key (set_name, file)
   );`,
  // With it comes `narrowReading`, to ledgers that were made before.
  `create index runs_started_at_idx on postern.runs (started_at);`,
];
