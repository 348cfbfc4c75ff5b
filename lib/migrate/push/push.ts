import type pg from "pg";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { drizzleTable, ledgerSchema } from "#lib/contract.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { readAppliedRows } from "../history/drizzle-table.ts";
import { readFingerprint } from "../after-run/check-after-run.ts";
import { lookAfterwards } from "../after-run/look-afterwards.ts";
import type { RunIdentity } from "../ledger/ledger.ts";
import { leaseLost } from "../ledger/ledger-versions.ts";
import type { LockHolder } from "../run/lock.ts";
import { recordRun, type RecordedRunOptions, type RunContext } from "../run/recorded-run.ts";
import type { RunConnections } from "../run/run-connections.ts";
import { readTables } from "./catalog.ts";
import { executeStatements, stopped } from "./execute.ts";
import { findLosses, type JudgedStatement, judgeStatements } from "./judge.ts";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { Kit, RunQuery } from "./kit/kit.ts";
import { findPossibleRenames } from "./possible-renames.ts";
import { decideRename, type Rename } from "./renames.ts";
import type { PushResult } from "./result.ts";

export type PushOptions = {
  /** With the schema file loaded. Stays the caller's. */
  readonly kit: Kit;
  readonly renames: readonly Rename[];
  readonly runId: string;
  readonly requestedBy: string;
  readonly bundle?: RunIdentity["bundle"];
  /** Then nothing is pushed, whatever the other options say. Default false. */
  readonly isProtected?: boolean;
  /** Danger: what loses data runs too. Default false. */
  readonly acceptDataLoss?: boolean | undefined;
  /** Plan, and roll back. Default false. */
  readonly dryRun?: boolean | undefined;
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number | undefined;
  /** How long a statement may queue for a lock, and others behind it. Default 5 000. */
  readonly lockTimeoutMs?: number;
  /** How long a statement may work under its locks. Default 120 000. */
  readonly statementTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
  readonly onUnwatched?: RecordedRunOptions["onUnwatched"];
  readonly clock?: Clock;
};

const defaults = Object.freeze({ lockTimeoutMs: 5000, statementTimeoutMs: 120_000 });

/**
 * Makes the database what the schema file says, without migrations: for stages where data may be lost.
 *
 * 1. Refuse a protected database; ask the thread that has drizzle-kit what the schema file says.
 * 2. Record the run and take the run lock (see `recordRun`).
 * 3. Begin one transaction, in which everything below happens, under short time limits.
 * 4. Apply the renames that were declared and not yet done; refuse what may be a rename and was not declared.
 * 5. Have drizzle-kit compare file and database, of which it sees what the file knows: nothing else is ever dropped.
 * 6. Judge its statements. What cannot run in a transaction is refused; so is what loses data, unless that was accepted.
 * 7. Execute them, ask drizzle-kit again, and commit. Where the schema's fingerprint is as it was before, and shows all that
 *    the statements could have done, roll back instead: then drizzle-kit had only repeated itself.
 *
 * After a refusal, a failure, a dry run or an abort the database is as it was, but for the ledger's row. A refusal and a
 * statement that the server refuses are results; not getting as far (no connection, no privilege, lock held) is thrown.
 */
export async function push(connections: RunConnections, options: PushOptions): Promise<PushResult> {
  const { runId, requestedBy, bundle, lockWaitMs, signal, onWait, onUnwatched, isProtected = false } = options;
  if (isProtected) {
    throw new PosternError("push.protected", "The database is protected: a schema is not pushed to it.");
  }
  const clock = options.clock ?? systemClock;
  const startMs = clock.nowMs();
  const schema = await options.kit.describe();
  refuseOwnSchemas(schema);
  const run = { runId, action: "push", requestedBy, bundle, lockWaitMs, clock, signal, onWait, onUnwatched };
  return await recordRun(connections, run, async (context) => {
    const { client } = connections;
    const job = { client, schema, options, context };
    const outcome = await inTransaction(job, async () => await work(job));
    const after = outcome.status === "pushed" ? await lookAfterwards(client) : undefined;
    const seen = after === undefined ? {} : { after };
    const result = { ...nothingDone, ...outcome, ...seen, runId, ms: elapsedMs(clock, startMs) };
    return { outcome: result.status, result, error: result.error };
  });
}

type Outcome = Pick<PushResult, "status"> & Partial<Omit<PushResult, "runId" | "ms">>;

const nothingDone = { statements: [], reemitted: [], unmanaged: [], findings: [] } as const;

type Job = {
  readonly client: pg.Client;
  readonly context: RunContext;
  readonly schema: SchemaDescription;
  readonly options: PushOptions;
};

/** Commits what was pushed; rolls back anything else. */
async function inTransaction({ client, options, context }: Job, run: () => Promise<Outcome>): Promise<Outcome> {
  const { lockTimeoutMs, statementTimeoutMs } = { ...defaults, ...options };
  await client.query("begin");
  try {
    // A table without a schema is one of `public`, whatever the role's own search path says.
    await client.query(
      `set local lock_timeout = ${lockTimeoutMs};
       set local statement_timeout = ${statementTimeoutMs};
       set local idle_in_transaction_session_timeout = '60s';
       select set_config('search_path', 'public, ' || current_setting('search_path'), true)`,
    );
    const outcome = await run();
    if (context.signal.aborted) throw stopped(context.signal);
    if (outcome.status !== "pushed") return outcome;
    try {
      // Fails when another run has taken the lease: nothing is kept then.
      await client.query("select postern.hold_lease($1)", [context.lease.token]);
      await client.query("commit");
      return outcome;
    } catch (error) {
      // A deferred constraint is checked here.
      return fail(outcome, error, "committing");
    }
  } finally {
    // After a commit there is nothing to roll back, which is a notice; on a lost connection the server has done it.
    await client.query("rollback").catch(() => undefined);
  }
}

async function work({ client, schema, options, context }: Job): Promise<Outcome> {
  const { kit } = options;
  const before = await readFingerprint(client);
  const renamed = await applyRenames({ client, schema, options, context });
  const tables = await readTables(client, schema.schemas);
  const unmanaged = [...tables.keys()].filter((label) => schema.tables[label] === undefined);
  const common = { unmanaged, findings: renamed.findings };
  if (renamed.error !== undefined) return refuse(common, renamed.statements, renamed.error);
  const ambiguous = describeAmbiguity(findPossibleRenames(schema.tables, tables, options.renames));
  if (ambiguous !== undefined) return refuse(common, renamed.statements, ambiguous);

  const query = queryWith(client);
  const texts = await orQuestion(kit.plan(schema.schemas, query));
  if (texts instanceof PosternError) return refuse(common, renamed.statements, texts);
  const plan = await judgeStatements(client, texts);
  const { statements: planned, outside, repeated, openPolicies, roles } = plan;
  const statements = [...renamed.statements, ...planned];
  if (statements.length === 0) return { ...common, status: "up-to-date", reemitted: repeated };
  const findings = [...common.findings, ...(await findMixed(client))];
  const found = { ...common, findings, statements: notExecuted(statements), reemitted: repeated };
  const opened = openPolicies.filter((policy) => schema.conditionalPolicies.includes(policy));
  if (opened.length > 0) return refuse(found, statements, describeOpened(opened));
  if (roles.length > 0) return refuse(found, statements, describeRoles(roles));
  if (outside.length > 0) return refuse(found, statements, describeOutside(outside));
  if (options.dryRun === true) return { ...found, status: "planned" };
  const losses = findLosses(statements);
  if (losses.length > 0 && options.acceptDataLoss !== true) return refuse(found, statements, describeLosses(losses));

  const failure = await executeStatements(client, planned, context);
  if (failure !== undefined) return { ...found, status: "failed", error: failure.toDocument() };
  const mayBeRepeated = losses.length === 0 && planned.every(({ isProvable }) => isProvable);
  if (mayBeRepeated && (await readFingerprint(client)) === before) {
    return { ...common, status: "up-to-date", reemitted: [...repeated, ...planned.map(({ sql }) => sql)] };
  }
  const again = await judgeStatements(client, await kit.plan(schema.schemas, query));
  return {
    ...found,
    status: "pushed",
    statements: statements.map(({ sql, hazards }) => ({ sql, hazards, executed: true })),
    reemitted: [...again.repeated, ...again.statements.map(({ sql }) => sql)],
  };
}

/** What drizzle-kit would ask about is found, not thrown: a column is told before, a policy for instance is not. */
async function orQuestion(planning: ReturnType<Kit["plan"]>): Promise<readonly string[] | PosternError> {
  return await planning.catch((error: unknown) => {
    if (error instanceof PosternError && error.code === "push.ambiguous") return error;
    throw error;
  });
}

type Renamed = {
  readonly statements: readonly JudgedStatement[];
  readonly findings: PushResult["findings"];
  readonly error?: PosternError;
};

/** One after the other: an entry may be about a table that the one before it has renamed. */
async function applyRenames({ client, schema, options, context }: Job): Promise<Renamed> {
  const { renames } = options;
  const statements: JudgedStatement[] = [];
  const findings: PushResult["findings"][number][] = [];
  for (const rename of renames) {
    const decision = decideRename(rename, await readTables(client, schemasOf(schema, renames)));
    if (decision.kind === "contradiction") {
      const hint =
        "Take the entry out of renames.json if it is no longer meant; else drop one of the two in a migration.";
      return { statements, findings, error: new PosternError("push.ambiguous", decision.message, { hint }) };
    }
    if (decision.kind === "missing") findings.push({ code: "push.rename-missing", message: decision.message });
    if (decision.kind !== "rename") continue;
    const judged = await judgeStatements(client, [decision.sql]);
    const failure = await executeStatements(client, judged.statements, context);
    if (failure !== undefined) return { statements, findings, error: failure };
    statements.push(...judged.statements);
  }
  return { statements, findings };
}

function schemasOf(schema: SchemaDescription, renames: readonly Rename[]): string[] {
  const named = renames.flatMap((rename) => Object.values(rename).map((label: string) => label.split(".")[0] ?? ""));
  return [...schema.schemas, ...named];
}

/** Pushing beside migrations is allowed and said: the next migration that does the same will fail. */
async function findMixed(client: pg.Client): Promise<PushResult["findings"]> {
  const applied = await readAppliedRows(client);
  if (applied.length === 0) return [];
  const message =
    `${applied.length} migrations are applied here. What push changes is in none of them: the migration that you ` +
    "generate for it later will fail here, because it is done already. Use one of the two on a stage.";
  return [{ code: "push.mixed", message }];
}

function queryWith(client: pg.Client): RunQuery {
  return async (sql) => {
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } catch (error) {
      throw toDatabaseError(error, "reading the schema of the database");
    }
  };
}

function refuseOwnSchemas({ schemas }: SchemaDescription): void {
  const own = schemas.filter((schema) => schema === ledgerSchema || schema === drizzleTable.schema);
  if (own.length === 0) return;
  throw new PosternError(
    "push.invalid-schema",
    `The schema file has tables in ${own.join(", ")}: that is the runner's.`,
    {
      hint: "Take them out of the schema file.",
    },
  );
}

function describeAmbiguity(possible: ReturnType<typeof findPossibleRenames>): PosternError | undefined {
  if (possible.length === 0) return undefined;
  const entries = possible.map(({ entries: choices }) => choices.map((entry) => JSON.stringify(entry)).join(" or "));
  const hint =
    `Nothing was changed. In renames.json beside the schema file, declare what it is: ${entries.join("; ")}. ` +
    "A column that is no rename: push in two steps, first without the new one. Or write a migration.";
  return new PosternError("push.ambiguous", possible.map(({ message }) => message).join("\n"), { hint });
}

function describeOutside(outside: readonly string[]): PosternError {
  const message = `A push is one transaction, and this cannot run in one: ${outside.join(", ")}.`;
  return new PosternError("push.outside-transaction", message);
}

/** `pushSchema` leaves the condition out: a policy for some rows would be one for all. */
function describeOpened(policies: readonly string[]): PosternError {
  const message = `drizzle-kit would create these policies without their conditions, open to every row: ${policies.join(", ")}.`;
  return new PosternError("push.unsupported", message);
}

/** They belong to the whole server, not to this database, and drizzle-kit's push never looks which there are. */
function describeRoles(roles: readonly string[]): PosternError {
  const hint =
    "Nothing was changed. Make the role with `postern setup` or in a migration, and declare it in the schema file as " +
    'one that is there: pgRole("name").existing().';
  return new PosternError("push.unsupported", `A push does not make or change roles: ${roles.join(" ")}`, { hint });
}

function describeLosses(losses: ReturnType<typeof findLosses>): PosternError {
  const lines = losses.map(({ sql, hazard }) => {
    const where = hazard.table === undefined ? "" : `${hazard.table}: `;
    return `${sql}: ${where}${hazard.message}`;
  });
  return new PosternError("push.data-loss", `Data would be lost:\n${lines.join("\n")}`);
}

type Planned = Pick<JudgedStatement, "sql" | "hazards">;

function refuse(found: Partial<Outcome>, statements: readonly Planned[], reason: PosternError): Outcome {
  const status = reason.exitCode === 1 ? "refused" : "failed";
  return { ...found, status, statements: notExecuted(statements), error: reason.toDocument() };
}

function fail(outcome: Outcome, error: unknown, doing: string): Outcome {
  const cause = toDatabaseError(error, doing);
  if (cause.sqlState === leaseLost)
    throw new PosternError("run.lease-lost", "Another run has taken over: nothing was kept.");
  if (cause.sqlState === undefined) throw cause;
  const failure = new PosternError("push.failed", cause.message, { cause: error, sqlState: cause.sqlState });
  return refuse({ ...outcome, reemitted: [] }, outcome.statements ?? [], failure);
}

function notExecuted(statements: readonly Planned[]): PushResult["statements"] {
  return statements.map(({ sql, hazards }) => ({ sql, hazards, executed: false }));
}
