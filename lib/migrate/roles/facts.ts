import type pg from "pg";

/** What setup finds in the database before it changes anything. Everything that `planRoles` decides, it decides by this. */
export type RoleFacts = {
  /** `server_version_num`: 160004 for 16.4. */
  readonly serverVersion: number;
  /** The role that runs setup: on RDS the master, NOSUPERUSER CREATEROLE. */
  readonly master: string;
  readonly isSuperuser: boolean;
  readonly masterAttributes: readonly RoleAttribute[];
  readonly hasIam: boolean;
  readonly mayGrantStats: boolean;
  readonly hasStats: boolean;
  /** Of our roles, those that exist. */
  readonly roles: readonly ExistingRole[];
  /** The wanted ones that exist, and every other one of the migrator's. */
  readonly schemas: readonly SchemaFacts[];
  readonly objects: readonly ObjectFacts[];
};

/** Attributes of a role beyond LOGIN and INHERIT, as `alter role` writes them. */
export type RoleAttribute = "superuser" | "createrole" | "createdb" | "replication" | "bypassrls";

export type ExistingRole = {
  readonly name: string;
  /** The master has ADMIN on it: without that PostgreSQL lets it alter nothing. */
  readonly isAdministered: boolean;
  readonly attributes: readonly RoleAttribute[];
  /** Roles that it is a direct member of. */
  readonly memberOf: readonly string[];
};

type SchemaFacts = {
  readonly name: string;
  readonly owner: string;
  /** The master acts with the owner's rights: it is the owner, a member of it, or a superuser. */
  readonly isOurs: boolean;
  /** Nothing is in it, not even something of an extension. */
  readonly isEmpty: boolean;
};

export type ObjectFacts = {
  readonly kind: "table" | "sequence" | "routine" | "type";
  readonly schema: string;
  /** As SQL writes it after the kind: quoted, with the schema, with argument types for a routine. */
  readonly name: string;
  /** For `alter … owner to`. */
  readonly keyword: "table" | "view" | "materialized view" | "foreign table" | "sequence" | "routine" | "type";
  readonly owner: string;
  readonly isOurs: boolean;
  /** A sequence that goes with a column, or a partition's row type: its owner changes with the table's. */
  readonly isDependent: boolean;
  /** A routine that PUBLIC may execute, which is PostgreSQL's default. */
  readonly isOpen: boolean;
};

export async function readRoleFacts(
  client: pg.Client,
  about: { readonly roles: readonly string[]; readonly migrator: string; readonly schemas: readonly string[] },
): Promise<RoleFacts> {
  const { roles, migrator } = about;
  const { rows } = await client.query<Omit<RoleFacts, "roles" | "schemas" | "objects">>(masterFacts, [migrator]);
  const [facts] = rows;
  if (facts === undefined) throw new TypeError("The role facts are one row.");
  const existing = await client.query<ExistingRole>(existingRoles, [roles]);
  const schemas = await client.query<SchemaFacts>(schemaFacts, [about.schemas, migrator]);
  const objects = await client.query<ObjectFacts>(objectFacts, [schemas.rows.map((schema) => schema.name)]);
  return { ...facts, roles: existing.rows, schemas: schemas.rows, objects: objects.rows };
}

const attributes = `array_remove(array[case when rolsuper then 'superuser' end, case when rolcreaterole then 'createrole' end,
  case when rolcreatedb then 'createdb' end, case when rolreplication then 'replication' end,
  case when rolbypassrls then 'bypassrls' end], null)`;

const masterFacts = `
  select
    current_setting('server_version_num')::int as "serverVersion",
    current_user::text as "master",
    (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
    (select ${attributes} from pg_roles where rolname = current_user) as "masterAttributes",
    exists (select from pg_roles where rolname = 'rds_iam') as "hasIam",
    pg_has_role('pg_read_all_stats', 'MEMBER WITH ADMIN OPTION') as "mayGrantStats",
    exists (
      select from pg_auth_members m
      where m.roleid = 'pg_read_all_stats'::regrole and m.member = (select oid from pg_roles where rolname = $1)
    ) as "hasStats"`;

const existingRoles = `
  select r.rolname::text as "name", pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') as "isAdministered",
    ${attributes} as "attributes",
    array(
      select distinct m.roleid::regrole::text from pg_auth_members m where m.member = r.oid order by 1
    ) as "memberOf"
  from pg_roles r where r.rolname = any ($1)`;

const schemaFacts = `
  select n.nspname::text as "name", pg_get_userbyid(n.nspowner)::text as "owner",
    pg_has_role(n.nspowner, 'USAGE') as "isOurs",
    not exists (select from pg_class c where c.relnamespace = n.oid)
      and not exists (select from pg_proc p where p.pronamespace = n.oid) as "isEmpty"
  from pg_namespace n
  where n.nspname = any ($1)
    or (n.nspowner = (select oid from pg_roles where rolname = $2) and not starts_with(n.nspname, 'pg_'))
  order by n.nspname`;

/** Members of extensions stay out: they belong to whoever installed the extension, and are granted by it. */
const objectFacts = `
  with found as (
    select 'pg_class'::regclass as catalog, c.oid, c.relnamespace as schema_oid, c.relowner as owner_oid,
      case when c.relkind = 'S' then 'sequence' else 'table' end as kind,
      format('%I.%I', n.nspname, c.relname) as name,
      case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view'
        when 'f' then 'foreign table' else 'table' end as keyword,
      exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid
          and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and c.relkind = 'S'
      ) as dependent,
      false as open
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any ($1) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'pg_proc'::regclass, p.oid, p.pronamespace, p.proowner, 'routine',
      format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), 'routine', false,
      exists (
        select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where a.grantee = 0 and a.privilege_type = 'EXECUTE'
      )
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = any ($1)
    union all
    select 'pg_type'::regclass, t.oid, t.typnamespace, t.typowner, 'type',
      format('%I.%I', n.nspname, t.typname), 'type', false, false
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where n.nspname = any ($1) and t.typelem = 0
      and (t.typtype in ('d', 'e', 'r')
        or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
  )
  select f.kind, n.nspname as "schema", f.name, f.keyword, pg_get_userbyid(f.owner_oid) as "owner",
    pg_has_role(f.owner_oid, 'USAGE') as "isOurs", f.dependent as "isDependent",
    f.open as "isOpen"
  from found f join pg_namespace n on n.oid = f.schema_oid
  where not exists (
    select from pg_depend d where d.classid = f.catalog and d.objid = f.oid and d.deptype = 'e'
  )
  order by n.nspname, f.kind, f.name`;
