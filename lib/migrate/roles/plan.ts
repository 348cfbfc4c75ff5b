import { drizzleTable, ledgerSchema, type RoleKey, roleNames } from "#lib/contract.ts";
import type { SetupResult } from "#lib/protocol.ts";
import { PosternError } from "#lib/base/errors.ts";
import { readableColumns } from "../ledger/ledger-versions.ts";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import { takeExcess } from "./excess.ts";
import type { RoleFacts } from "./facts.ts";
import { type Finding, ownObjects, ownSchema } from "./ownership.ts";
import { roleSettings } from "./settings.ts";

export type RolePlanInput = {
  readonly facts: RoleFacts;
  readonly databaseName: string;
  /** SCRAM verifiers of the roles whose password is known. */
  readonly verifiers: Readonly<Partial<Record<RoleKey, string>>>;
};

export type RolePlan = SetupResult & { readonly statements: readonly string[] };

type Login = SetupResult["roles"][number]["login"];

/** The two schemas with the runner's bookkeeping: the application has no business there. */
const bookkeepingSchemas: readonly string[] = [ledgerSchema, drizzleTable.schema];

/** The application works in every schema of the migrator's, and in this one, which is there without being made. */
const defaultSchema = "public";

/** The schemas that are looked at by name, whoever owns them. */
export const namedSchemas: readonly string[] = [...bookkeepingSchemas, defaultSchema];

const roleKeys = Object.keys(roleNames) as readonly RoleKey[];
const name = Object.fromEntries(roleKeys.map((key) => [key, quoteIdentifier(roleNames[key])])) as Record<
  RoleKey,
  string
>;
const everyRole = roleKeys.map((key) => name[key]).join(", ");
const writers = `${name.app}, ${name.operator}`;
const everyServed = `${writers}, ${name.health}, ${name.readonly}`;
const ledgerReaders = `${name.health}, ${name.readonly}, ${name.operator}`;

/**
 * Decides what setup does, from what it found. Every statement may be repeated: the plan for a database that was set up
 * before changes nothing that matters, and puts right what was changed by hand.
 *
 * Order: roles, the master's membership in the migrator (dropped again at the end), the database, schemas, ownership,
 * privileges on what exists, default privileges for what will.
 *
 * @throws PosternError `db.failed` for a server before PostgreSQL 16, which knows no `grant … with set`; `db.permission`
 * when the master may not alter a role that is there
 */
export function planRoles(input: RolePlanInput): RolePlan {
  const { facts } = input;
  assertSupported(facts.serverVersion);
  const findings: Finding[] = [];
  const logins = roleKeys.map((key) => ({ key, login: loginOf(key, input) }));
  const statements = [
    ...logins.flatMap(({ key, login }) => roleStatements(key, login, input, findings)),
    ...statsStatements(facts, findings),
    ...asMigrator(facts, [
      ...databaseStatements(input.databaseName),
      ...bookkeepingSchemas.flatMap((schema) => bookkeepingStatements(schema, facts, findings)),
      ...applicationSchemas(facts).flatMap((schema) => applicationStatements(schema, facts, findings)),
      ...defaultPrivileges(),
    ]),
  ];
  const roles = logins.map(({ key, login }) => ({
    role: roleNames[key],
    created: !facts.roles.some((role) => role.name === roleNames[key]),
    login,
  }));
  return { statements, roles, findings };
}

function assertSupported(serverVersion: number): void {
  if (serverVersion >= 160_000) return;
  throw new PosternError("db.failed", `The server is PostgreSQL ${Math.floor(serverVersion / 10_000)}.`, {
    hint: "Setup needs PostgreSQL 16 or newer.",
  });
}

/** People log in through IAM where it exists: a role with `rds_iam` is refused any password. */
function loginOf(key: RoleKey, { facts, verifiers }: RolePlanInput): Login {
  if (facts.hasIam && (key === "readonly" || key === "operator")) return "iam";
  return verifiers[key] === undefined ? "none" : "password";
}

function roleStatements(key: RoleKey, login: Login, input: RolePlanInput, findings: Finding[]): string[] {
  const { facts, verifiers } = input;
  const role = name[key];
  const existing = facts.roles.find((one) => one.name === roleNames[key]);
  const { connectionLimit, settings, settingsIfSupported = {} } = roleSettings[key];
  const verifier = verifiers[key];
  const password = login === "password" && verifier !== undefined ? ` password ${quoteLiteral(verifier)}` : "";
  return [
    ...(existing === undefined ? [`create role ${role}`] : takeExcess(existing, facts, findings)),
    `alter role ${role} ${login === "none" ? "nologin" : "login"} inherit connection limit ${connectionLimit}${password}`,
    ...(login === "iam" ? [`grant rds_iam to ${role}`] : []),
    ...Object.entries(settings).map(([setting, value]) => setStatement(role, setting, value)),
    ...Object.entries(settingsIfSupported).map(([setting, value]) => ifSupported(setStatement(role, setting, value))),
  ];
}

function setStatement(role: string, setting: string, value: string): string {
  return `alter role ${role} set ${setting} = ${quoteLiteral(value)}`;
}

/** For a setting that some platforms refuse with 22023. */
function ifSupported(statement: string): string {
  return `do $do$ begin ${statement}; exception when invalid_parameter_value then null; end $do$`;
}

/** Without it the migrator does not see whose query blocks a migration. On RDS the master may grant it. */
function statsStatements(facts: RoleFacts, findings: Finding[]): string[] {
  if (facts.mayGrantStats) return [`grant pg_read_all_stats to ${name.migrator}`];
  if (!facts.hasStats) {
    findings.push({
      code: "role.no-stats",
      message: `${facts.master} may not grant pg_read_all_stats: ${roleNames.migrator} cannot see the queries that block it.`,
    });
  }
  return [];
}

/**
 * Since PostgreSQL 16 whoever creates a role gets ADMIN on it, but neither its rights (INHERIT) nor the right to hand
 * objects over to it (SET). The master lends itself both for as long as setup takes.
 */
function asMigrator(facts: RoleFacts, statements: readonly string[]): string[] {
  if (facts.isSuperuser) return [...statements];
  const master = quoteIdentifier(facts.master);
  return [
    `grant ${name.migrator} to ${master} with inherit true, set true granted by ${master}`,
    ...statements,
    `revoke ${name.migrator} from ${master} granted by ${master}`,
  ];
}

/** PUBLIC keeps CONNECT: others may use an adopted database, and may not without privileges on what is in it. */
function databaseStatements(databaseName: string): string[] {
  const database = quoteIdentifier(databaseName);
  return [
    `revoke temporary on database ${database} from public`,
    `grant connect on database ${database} to ${everyRole}`,
    `grant create, temporary on database ${database} to ${name.migrator}`,
    `grant temporary on database ${database} to ${writers}`,
  ];
}

function bookkeepingStatements(schema: string, facts: RoleFacts, findings: Finding[]): string[] {
  const owned = ownSchema(schema, facts, findings);
  if (owned === undefined) return [];
  const objects = ownObjects(schema, facts, findings);
  const tables = objects.names("table");
  const quoted = quoteIdentifier(schema);
  return [
    ...owned,
    `revoke all on schema ${quoted} from public, ${name.app}`,
    `grant usage on schema ${quoted} to ${ledgerReaders}`,
    ...objects.statements,
    // What the default privileges gave them; what is made later the ledger closes itself.
    ...revokeAll("table", tables, everyServed),
    ...revokeAll("sequence", objects.names("sequence"), everyServed),
    ...(schema === ledgerSchema ? ledgerReading(tables) : drizzleReading(tables)),
  ];
}

/** Query texts and errors are in the ledger: health and readonly get the columns that `status` takes. */
function ledgerReading(tables: readonly string[]): string[] {
  const readers = `${name.health}, ${name.readonly}`;
  return [
    ...grant("select", "table", tables, name.operator),
    ...Object.entries(readableColumns).flatMap(([table, columns]) =>
      grant(
        `select (${columns.join(", ")})`,
        "table",
        tables.filter((one) => one === `${ledgerSchema}.${table}`),
        readers,
      ),
    ),
    // Of an earlier release.
    `alter default privileges for role ${name.migrator} in schema ${quoteIdentifier(ledgerSchema)} revoke select on tables from ${name.health}`,
  ];
}

function drizzleReading(tables: readonly string[]): string[] {
  return [
    ...grant("select", "table", tables, ledgerReaders),
    `alter default privileges for role ${name.migrator} in schema ${quoteIdentifier(drizzleTable.schema)} grant select on tables to ${name.health}`,
  ];
}

/** Every schema that the migrator owns is the application's: its migrations made it, or it was given to it. */
function applicationSchemas(facts: RoleFacts): string[] {
  const own = facts.schemas.filter((schema) => schema.owner === roleNames.migrator).map((schema) => schema.name);
  return [...new Set([defaultSchema, ...own])].filter((schema) => !bookkeepingSchemas.includes(schema));
}

function applicationStatements(schema: string, facts: RoleFacts, findings: Finding[]): string[] {
  const owned = ownSchema(schema, facts, findings);
  if (owned === undefined) return [];
  const objects = ownObjects(schema, facts, findings);
  const tables = objects.names("table");
  const sequences = objects.names("sequence");
  const quoted = quoteIdentifier(schema);
  return [
    ...owned,
    `revoke create on schema ${quoted} from public`,
    `grant usage on schema ${quoted} to ${writers}, ${name.readonly}`,
    ...objects.statements,
    ...grant("select, insert, update, delete", "table", tables, writers),
    ...grant("select", "table", tables, name.readonly),
    ...grant("usage, select, update", "sequence", sequences, writers),
    ...grant("select", "sequence", sequences, name.readonly),
    ...grant("execute", "routine", objects.names("routine"), writers),
  ];
}

/**
 * For what migrations will make, in whatever schema: also in one that they make themselves. They hold in the bookkeeping
 * schemas too, because those of a schema can only add to these; there the missing USAGE keeps the application out.
 */
function defaultPrivileges(): string[] {
  const defaults = `alter default privileges for role ${name.migrator}`;
  return [
    `${defaults} grant usage on schemas to ${writers}, ${name.readonly}`,
    `${defaults} grant select, insert, update, delete on tables to ${writers}`,
    `${defaults} grant select on tables to ${name.readonly}`,
    `${defaults} grant usage, select, update on sequences to ${writers}`,
    `${defaults} grant select on sequences to ${name.readonly}`,
    // Not to readonly: a function that is `security definer` may write.
    `${defaults} grant execute on routines to ${writers}`,
    `${defaults} revoke execute on routines from public`,
  ];
}

function grant(privileges: string, kind: string, objects: readonly string[], roles: string): string[] {
  return objects.length === 0 ? [] : [`grant ${privileges} on ${kind} ${objects.join(", ")} to ${roles}`];
}

function revokeAll(kind: string, objects: readonly string[], roles: string): string[] {
  return objects.length === 0 ? [] : [`revoke all on ${kind} ${objects.join(", ")} from ${roles}`];
}
