import { setImmediate } from "node:timers/promises";
import type { Node } from "libpg-query";
import { PosternError } from "#lib/base/errors.ts";
import { partitionFacts } from "../hazards/table.ts";
import { collectNames, readFacts } from "../hazards/read-facts.ts";
import type { Queryable } from "../ledger/ledger.ts";
import type { Migration } from "../folder/source.ts";
import { areRepeatable } from "../sql/irrevocable.ts";
import { findOutsideTransaction, type OutsideFacts } from "../sql/outside-transaction.ts";
import { leavesSessionAlone } from "./leaves-session.ts";
import { parseMigration, type Statement } from "../sql/parse-migration.ts";

/** A migration that was read, with all that applying it takes. */
export type PreparedMigration =
  /** All of it in one transaction. */
  | {
      readonly kind: "transaction";
      readonly migration: Migration;
      readonly statements: readonly Pick<Statement, "offset">[];
      /** Whether it may be begun anew after a rollback. */
      readonly isRepeatable: boolean;
      /** Whether its session is surely as before when it is done. */
      readonly leavesSession: boolean;
    }
  /** Statement by statement, because some cannot run in a transaction. */
  | { readonly kind: "steps"; readonly migration: Migration; readonly steps: readonly Step[] }
  /** The parser did not read it (too large, or a newer server's grammar): in one transaction, part by part. */
  | { readonly kind: "unread"; readonly migration: Migration };

export type Step = Statement & {
  /** Why it cannot run in a transaction block; undefined where it can. */
  readonly outside: string | undefined;
};

/** The parser is of this version: what it refuses, servers up to this one refuse. */
const parserVersion = 18;

/**
 * Reads what is pending before anything is applied: SQL that would break out of its transaction, wait for a client or not
 * parse is refused while the database is untouched.
 *
 * @param begun tags of those that an earlier run has begun statement by statement, and that go on so
 * @throws PosternError `migrations.transaction-control`, `migrations.client-command`, `migrations.invalid-sql`,
 *   `migrations.unnamed-index`, `migrate.step-changed`
 */
export async function prepareMigrations(
  client: Queryable,
  migrations: readonly Migration[],
  begun: ReadonlySet<string> = new Set(),
): Promise<PreparedMigration[]> {
  const prepared: PreparedMigration[] = [];
  for (const migration of migrations) {
    prepared.push(await prepareMigration(client, migration, begun.has(migration.tag)));
    // A parse may take a second, in which a lease that is held is not renewed.
    await setImmediate();
  }
  return prepared;
}

async function prepareMigration(
  client: Queryable,
  migration: Migration,
  hasBegun: boolean,
): Promise<PreparedMigration> {
  const statements = await readStatements(client, migration);
  if (statements === undefined && hasBegun) {
    const why = "some of its statements have run on their own, and now the file cannot be read as statements";
    throw new PosternError("migrate.step-changed", `${migration.tag}: ${why}.`);
  }
  if (statements === undefined) return { kind: "unread", migration };
  const outside = findOutsideTransaction(statements, await readOutsideFacts(client, statements));
  if (outside.size === 0 && !hasBegun) {
    const isRepeatable = areRepeatable(statements);
    const leavesSession = leavesSessionAlone(statements.map(({ node }) => node));
    // Without the trees: hundreds of migrations may be pending.
    const offsets = statements.map(({ offset }) => ({ offset }));
    return { kind: "transaction", migration, statements: offsets, isRepeatable, leavesSession };
  }
  const steps = statements.map(({ text, offset, line, node }, index) => {
    return { text, offset, line, node, outside: outside.get(index) };
  });
  for (const step of steps) refuseUnnamedIndex(step, migration);
  return { kind: "steps", migration, steps };
}

async function readStatements(client: Queryable, migration: Migration): Promise<readonly Statement[] | undefined> {
  try {
    return (await parseMigration(migration)).statements;
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    if (error.code === "migrations.too-large") return undefined;
    if (error.code === "migrations.invalid-sql" && (await readMajorVersion(client)) > parserVersion) return undefined;
    throw error;
  }
}

async function readMajorVersion(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    "select current_setting('server_version_num')::integer / 10000 as version",
  );
  return rows[0]?.version ?? 0;
}

/** The catalog is asked only where a tree leaves it open: REINDEX and CLUSTER of a table that may be partitioned. */
async function readOutsideFacts(client: Queryable, statements: readonly Statement[]): Promise<OutsideFacts> {
  const open = statements.map(({ node }) => node).filter((node) => "ReindexStmt" in node || "ClusterStmt" in node);
  if (open.length === 0) return { isPartitioned: () => false };
  return partitionFacts(await readFacts(client, collectNames(open)));
}

function refuseUnnamedIndex({ node, line }: Step, { file }: Migration): void {
  if (!isUnnamedConcurrentIndex(node)) return;
  throw new PosternError(
    "migrations.unnamed-index",
    `${file}:${line}: CREATE INDEX CONCURRENTLY without a name: what a failed build leaves could not be told.`,
  );
}

function isUnnamedConcurrentIndex(node: Node): boolean {
  return "IndexStmt" in node && node.IndexStmt.concurrent === true && node.IndexStmt.idxname === undefined;
}
