import type pg from "pg";
import { type RoleKey, roleNames } from "#lib/contract.ts";
import type { SetupResult } from "#lib/protocol.ts";
import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import { readRoleFacts } from "./facts.ts";
import { acquireLock } from "../run/lock.ts";
import { namedSchemas, planRoles } from "./plan.ts";
import { createScramVerifier } from "./scram-verifier.ts";

export type SetupOptions = {
  /** The database that `client` is connected to. */
  readonly databaseName: string;
  /**
   * Passwords of the roles that log in with one. A role without one here gets no login, except people's roles where
   * `rds_iam` exists: those log in with it, and a password given for them is not used. Called with the lock held, so that
   * no rotation can replace them meanwhile.
   */
  readonly readPasswords: () => Promise<Passwords>;
  readonly signal?: AbortSignal | undefined;
};

type Passwords = Readonly<Partial<Record<RoleKey, string>>>;

/** A rotation takes a second or two, a setup hardly more. */
const lockWaitMs = 60_000;

/** Waits between setups of two databases of one server that met: roles belong to the whole server. */
const maxAttempts = 5;

/**
 * Makes the roles, the runner's schemas and every privilege, or puts them right. Runs as the master of the database: a
 * role with CREATEROLE that owns the database, which need not be a superuser.
 *
 * 1. Takes the lock: another setup waits for this one, as this one waits for a rotation.
 * 2. Reads the passwords and computes their SCRAM verifiers, so that no password goes to the server.
 * 3. Begins, reads what is there, plans (plan.ts), executes and commits.
 *
 * The verifiers are written each time, with new salts: whether the present ones fit the secrets could only be found out by
 * logging in as every role, and a password changed by hand is put right this way. Sessions that are open stay open.
 * The state after a failure is the state before: everything is one transaction.
 *
 * @throws PosternError `lock.held`, `secret.invalid`, `db.permission` when the master may not do its part, `db.timeout` when a table stays
 * in use for 10 s
 */
export async function setupRoles(client: pg.Client, options: SetupOptions): Promise<SetupResult> {
  await using _lock = await acquireLock(client, "roles", { waitMs: lockWaitMs, signal: options.signal });
  const verifiers = await verifiersOf(await options.readPasswords());
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await setupOnce(client, { databaseName: options.databaseName, verifiers });
    } catch (error) {
      await client.query("rollback").catch(() => undefined);
      if (attempt < maxAttempts && hasMetAnotherSetup(error)) continue;
      throw explain(error);
    }
  }
}

function explain(error: unknown): PosternError {
  if (error instanceof PosternError) return error;
  const failure = toDatabaseError(error, "setting up the roles");
  if (failure.code !== "db.permission") return failure;
  const { code, message, cause, sqlState } = failure;
  const hint = "Setup runs as the database's master: a role with CREATEROLE that owns the database.";
  return new PosternError(code, message, { cause, sqlState, hint });
}

type SetupInput = {
  readonly databaseName: string;
  readonly verifiers: Readonly<Partial<Record<RoleKey, string>>>;
};

async function setupOnce(client: pg.Client, { databaseName, verifiers }: SetupInput): Promise<SetupResult> {
  await client.query(`begin; set local lock_timeout = ${lockTimeoutMs}`);
  const facts = await readRoleFacts(client, {
    roles: Object.values(roleNames),
    migrator: roleNames.migrator,
    schemas: namedSchemas,
  });
  const { statements, roles, findings } = planRoles({ facts, databaseName, verifiers });
  // One message, one round trip: the server stops at the first statement that fails.
  await client.query([...statements, "commit"].join(";\n"));
  return { roles, findings };
}

/**
 * Handing over a table waits for everyone who uses it, and whoever comes later queues behind that: better to fail soon, and
 * be run again.
 */
const lockTimeoutMs = 10_000;

/**
 * The lock is per database, roles are per server: the setup of another database may create or alter the same role at the
 * same moment (42710 duplicate_object, 23505 unique_violation, XX000 "tuple concurrently updated").
 */
function hasMetAnotherSetup(error: unknown): boolean {
  const sqlState = sqlStateOf(error);
  if (sqlState === "42710" || sqlState === "23505") return true;
  return sqlState === "XX000" && error instanceof Error && error.message.startsWith("tuple concurrently");
}

async function verifiersOf(passwords: Passwords): Promise<Passwords> {
  const entries = Object.entries(passwords).map(async ([key, password]) => [key, await verifierOf(key, password)]);
  return Object.fromEntries(await Promise.all(entries)) as Passwords;
}

async function verifierOf(key: string, password: string): Promise<string> {
  try {
    return await createScramVerifier(password);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    throw new PosternError(error.code, `The password of ${key} cannot be used: ${error.message}`, { hint: error.hint });
  }
}
