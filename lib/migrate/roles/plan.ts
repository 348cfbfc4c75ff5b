import { drizzleTable, ledgerSchema, type RoleKey, roleNames, type SetupResult } from "#lib/contract.ts";
import { PosternError } from "#lib/base/errors.ts";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import type { RoleFacts } from "./facts.ts";
import { type Finding, ownObjects, ownSchema } from "./ownership.ts";
import { roleSettings } from "./settings.ts";

export type RolePlanInput = {
  readonly facts: RoleFacts;
  readonly databaseName: string;
  /** Schemas that the application works in. */
  readonly schemas: readonly string[];
  /** SCRAM verifiers of the roles whose password is known. */
  readonly verifiers: Readonly<Partial<Record<RoleKey, string>>>;
};

export type RolePlan = SetupResult & { readonly statements: readonly string[] };

type Login = SetupResult["roles"][number]["login"];

/** The two schemas with the runner's bookkeeping: the application has no business there. */
export const bookkeepingSchemas: readonly string[] = [ledgerSchema, drizzleTable.schema];

const roleKeys = Object.keys(roleNames) as readonly RoleKey[];
const name = Object.fromEntries(roleKeys.map((key) => [key, quoteIdentifier(roleNames[key])])) as Record<
  RoleKey,
  string
>;
const everyRole = roleKeys.map((key) => name[key]).join(", ");
const writers = `${name.app}, ${name.operator}`;
const ledgerReaders = `${name.health}, ${name.readonly}, ${name.operator}`;

/**
 * Decides what setup does, from what it found. Every statement may be repeated: the plan for a database that was set up
 * before changes nothing that matters, and puts right what was changed by hand.
 *
 * Order: roles, the master's membership in the migrator (dropped again at the end), the database, schemas, ownership,
 * privileges on what exists, default privileges for what will.
 *
 * @throws PosternError `db.failed` for a server before PostgreSQL 16, which knows no `grant … with set`
 */
export function planRoles(input: RolePlanInput): RolePlan {
  const { facts } = input;
  assertSupported(facts.serverVersion);
  const findings: Finding[] = [];
  const logins = roleKeys.map((key) => ({ key, login: loginOf(key, input) }));
  const statements = [
    ...logins.flatMap(({ key, login }) => roleStatements(key, login, input)),
    ...statsStatements(facts, findings),
    ...asMigrator(facts, [
      ...databaseStatements(input.databaseName),
      ...bookkeepingSchemas.flatMap((schema) => bookkeepingStatements(schema, facts, findings)),
      ...input.schemas.flatMap((schema) => applicationStatements(schema, facts, findings)),
      `alter default privileges for role ${name.migrator} revoke execute on routines from public`,
    ]),
  ];
  const roles = logins.map(({ key, login }) => ({
    role: roleNames[key],
    created: !facts.roles.includes(roleNames[key]),
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

function roleStatements(key: RoleKey, login: Login, { facts, verifiers }: RolePlanInput): string[] {
  const role = name[key];
  const { connectionLimit, settings } = roleSettings[key];
  const verifier = verifiers[key];
  const password = login === "password" && verifier !== undefined ? ` password ${quoteLiteral(verifier)}` : "";
  return [
    ...(facts.roles.includes(roleNames[key]) ? [] : [`create role ${role}`]),
    `alter role ${role} ${login === "none" ? "nologin" : "login"} inherit connection limit ${connectionLimit}${password}`,
    ...(login === "iam" ? [`grant rds_iam to ${role}`] : []),
    ...Object.entries(settings).map(([setting, value]) => `alter role ${role} set ${setting} = ${quoteLiteral(value)}`),
  ];
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
  const defaults = defaultsIn(schema);
  return [
    ...owned,
    `revoke all on schema ${quoteIdentifier(schema)} from public`,
    `grant usage on schema ${quoteIdentifier(schema)} to ${ledgerReaders}`,
    ...objects.statements,
    ...grant("select", "table", tables, ledgerReaders),
    `${defaults} grant select on tables to ${ledgerReaders}`,
  ];
}

function applicationStatements(schema: string, facts: RoleFacts, findings: Finding[]): string[] {
  const owned = ownSchema(schema, facts, findings);
  if (owned === undefined) return [];
  const objects = ownObjects(schema, facts, findings);
  const tables = objects.names("table");
  const sequences = objects.names("sequence");
  const defaults = defaultsIn(schema);
  return [
    ...owned,
    `revoke create on schema ${quoteIdentifier(schema)} from public`,
    `grant usage on schema ${quoteIdentifier(schema)} to ${writers}, ${name.readonly}`,
    ...objects.statements,
    ...grant("select, insert, update, delete", "table", tables, writers),
    ...grant("select", "table", tables, name.readonly),
    ...grant("usage, select, update", "sequence", sequences, writers),
    ...grant("select", "sequence", sequences, name.readonly),
    ...grant("execute", "routine", objects.names("routine"), writers),
    `${defaults} grant select, insert, update, delete on tables to ${writers}`,
    `${defaults} grant select on tables to ${name.readonly}`,
    `${defaults} grant usage, select, update on sequences to ${writers}`,
    `${defaults} grant select on sequences to ${name.readonly}`,
    // Not to readonly: a function that is `security definer` may write.
    `${defaults} grant execute on routines to ${writers}`,
  ];
}

function defaultsIn(schema: string): string {
  return `alter default privileges for role ${name.migrator} in schema ${quoteIdentifier(schema)}`;
}

function grant(privileges: string, kind: string, objects: readonly string[], roles: string): string[] {
  return objects.length === 0 ? [] : [`grant ${privileges} on ${kind} ${objects.join(", ")} to ${roles}`];
}
