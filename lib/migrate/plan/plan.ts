import { setImmediate } from "node:timers/promises";
import type { PlannedHazard, PlannedMigration, PlannedStatement, PlanResult } from "#lib/protocol.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { findChangedStep, findDone, readAllSteps, type RecordedStep } from "../apply/steps/recorded-steps.ts";
import { isSessionSetting } from "../apply/steps/session-setting.ts";
import { readAppliedRows } from "../history/drizzle-table.ts";
import type { CatalogFacts } from "../hazards/facts.ts";
import { findLongLocks } from "../hazards/held-locks.ts";
import { nothing, type Verdict } from "../hazards/hazard.ts";
import { collectNames, readFacts } from "../hazards/read-facts.ts";
import { Scene } from "../hazards/scene.ts";
import { judgeStatement } from "../hazards/statement.ts";
import { partitionFacts } from "../hazards/table.ts";
import { type ComparedFolder, compareHistory, type History, withHalfApplied } from "../history/history.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { readDatabaseIdentity } from "./database-identity.ts";
import { hashPlan } from "./plan-hash.ts";
import { findOutsideTransaction } from "../sql/outside-transaction.ts";
import { type ParsedMigration, parseMigration, type Statement } from "../sql/parse-migration.ts";
import { mayHoldPassword, notShown } from "../sql/passwords.ts";

/** What a plan stands on: read and parsed, not yet judged. */
export type PreparedPlan = {
  readonly history: History;
  readonly parsed: readonly ParsedMigration[];
  readonly facts: CatalogFacts;
  readonly begun: BegunMigrations;
  readonly planHash: string;
};

/** What earlier runs did of half-applied migrations, by tag. */
type BegunMigrations = ReadonlyMap<string, readonly RecordedStep[]>;

/**
 * Says what `migrate` would do, and what may go wrong with it. Reads only; locks no table.
 *
 * 1. Compare folder and database.
 * 2. Parse what is pending; SQL that PostgreSQL could not read is thrown before anything is judged.
 * 3. Read what the catalog knows of the tables named, in one query, and what of the pending is done already.
 * 4. Judge each statement against those, and against what the statements before it made of them. What is done is not weighed
 *    again; where the file has another statement in its place, that is a finding, for `migrate` will refuse it.
 *
 * @throws PosternError those of `parseMigration`, or why the database could not be read
 */
export async function planMigrations(client: Queryable, folder: ComparedFolder): Promise<PlanResult> {
  const { history, parsed, facts, begun, planHash } = await preparePlan(client, folder);
  const pending = await judgeMigrations(parsed, facts, begun);
  const findings = [...history.findings, ...findChanged(parsed, begun)];
  return { pending, findings, destructive: isDestructive(pending), planHash };
}

/** Steps 1 to 3 of `planMigrations`. */
export async function preparePlan(client: Queryable, folder: ComparedFolder): Promise<PreparedPlan> {
  try {
    const applied = await readAppliedRows(client);
    const begun = await readAllSteps(client);
    const history = withHalfApplied(compareHistory(folder, applied), new Set(begun.keys()));
    const parsed = await parseAll(history.pending);
    const trees = parsed.flatMap(({ statements }) => statements.map(({ node }) => node));
    const facts = await readFacts(client, collectNames(trees));
    const database = await readDatabaseIdentity(client);
    return { history, parsed, facts, begun, planHash: hashPlan(history, { applied, begun, database }) };
  } catch (error) {
    throw toDatabaseError(error, "planning the migrations");
  }
}

function findChanged(parsed: readonly ParsedMigration[], begun: BegunMigrations): PlanResult["findings"] {
  return parsed.flatMap(({ migration, statements }) => {
    const message = findChangedStep(migration, statements, begun.get(migration.tag) ?? []);
    return message === undefined ? [] : [{ code: "migrate.step-changed", tag: migration.tag, message }];
  });
}

/** One after the other: each parse takes memory for its whole tree. */
async function parseAll(pending: History["pending"]): Promise<ParsedMigration[]> {
  const parsed: ParsedMigration[] = [];
  for (const migration of pending) {
    parsed.push(await parseMigration(migration));
    // A parse may take a second, in which nothing else happens: those who wait behind it, the lease's renewal among them, go first.
    await setImmediate();
  }
  return parsed;
}

export function isDestructive(pending: readonly Pick<PlannedMigration, "hazards">[]): boolean {
  return pending.some(({ hazards }) => hazards.some(({ destructive }) => destructive));
}

/**
 * The plan for migrations that run one after the other on a database of which these are the facts. Lets others go in between: it is
 * asked for while a lease is held.
 */
export async function judgeMigrations(
  parsed: readonly ParsedMigration[],
  facts: CatalogFacts,
  begun: BegunMigrations = new Map(),
): Promise<PlannedMigration[]> {
  const scene = new Scene(facts);
  const judged: PlannedMigration[] = [];
  for (const migration of parsed) {
    judged.push(judgeMigration(migration, scene, begun.get(migration.migration.tag)));
    await setImmediate();
  }
  return judged;
}

const maxSqlLength = 200;

function judgeMigration(
  { migration, statements }: ParsedMigration,
  scene: Scene,
  recorded: readonly RecordedStep[] | undefined,
): PlannedMigration {
  const outside = findOutsideTransaction(statements, partitionFacts(scene.facts));
  const done = findDone(statements, recorded ?? []);
  const judged = statements.map(({ node, line, text }, index): JudgedStatement => {
    // What is done is judged too: the scene has to know what it made.
    const verdict = judgeStatement(node, scene);
    // What a statement set for its session is set again.
    const isDone = done.has(index) && !isSessionSetting(node);
    if (isDone) scene.endSession();
    return { line, text, isDone, ...(isDone ? nothing : verdict) };
  });
  scene.endSession();
  // One that has begun statement by statement goes on so.
  const transactional = outside.size === 0 && recorded === undefined;
  const hazards: PlannedHazard[] = judged.flatMap((step) =>
    step.hazards.map((hazard) => ({ ...hazard, line: step.line })),
  );
  return {
    tag: migration.tag,
    transactional,
    statements: statements.length,
    hazards: transactional ? [...hazards, ...findLongLocks(judged)] : hazards,
    steps: judged.map((step, index) => describeStep(step, outside.get(index))),
  };
}

type JudgedStatement = Pick<Statement, "line" | "text"> & Verdict & { readonly isDone: boolean };

function describeStep({ line, text, effects, isDone }: JudgedStatement, reason: string | undefined): PlannedStatement {
  return {
    line,
    sql: mayHoldPassword(text) ? notShown : text.slice(0, maxSqlLength),
    ...(isDone ? { done: true } : {}),
    ...(reason === undefined ? {} : { outsideTransaction: reason }),
    locks: effects.map(({ table, lock, work }) => ({ table, mode: lock, work })),
  };
}
