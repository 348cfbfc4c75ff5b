import type { DefElem, Node } from "libpg-query";
import type { Statement } from "./parse-migration.ts";
import { writtenStrings } from "./walk.ts";

/** What the tree alone does not say. Tables are named as they are written, schema first where there is one. */
export type OutsideFacts = { readonly isPartitioned: (schema: string | undefined, name: string) => boolean };

const noFacts: OutsideFacts = { isPartitioned: () => false };

/**
 * Names the statements of a migration that cannot run inside a transaction block, and why. A migration without any runs
 * in one transaction; one with some runs statement by statement. Pure.
 *
 * @returns the reason by place in `statements`
 */
export function findOutsideTransaction(
  statements: readonly Pick<Statement, "node">[],
  facts: OutsideFacts = noFacts,
): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const [index, { node }] of statements.entries()) {
    const reason = refusedInTransaction(node, facts) ?? refusedUse(node, statements.slice(index + 1));
    if (reason !== undefined) found.set(index, reason);
  }
  return found;
}

/** True when the whole migration can run inside one transaction. */
export function isTransactional(statements: readonly Pick<Statement, "node">[], facts: OutsideFacts = noFacts) {
  return findOutsideTransaction(statements, facts).size === 0;
}

/**
 * The callers of PreventInTransactionBlock in PostgreSQL's source, which answers 25001 (active_sql_transaction).
 * A statement that may or may not be refused, depending on what the server holds, counts as refused: outside a
 * transaction it always works. A test asks a real server about every line.
 */
function refusedInTransaction(node: Node, { isPartitioned }: OutsideFacts): string | undefined {
  if ("IndexStmt" in node) return node.IndexStmt.concurrent === true ? "CREATE INDEX CONCURRENTLY" : undefined;
  if ("DropStmt" in node) return node.DropStmt.concurrent === true ? "DROP INDEX CONCURRENTLY" : undefined;
  if ("ReindexStmt" in node) {
    const { kind, params = [], relation } = node.ReindexStmt;
    if (isOn(params, "concurrently", false)) return "REINDEX CONCURRENTLY";
    if (kind !== "REINDEX_OBJECT_INDEX" && kind !== "REINDEX_OBJECT_TABLE") return "REINDEX of more than one table";
    const { schemaname, relname = "" } = relation ?? {};
    return isPartitioned(schemaname, relname) ? "REINDEX of a partitioned table" : undefined;
  }
  if ("VacuumStmt" in node) return node.VacuumStmt.is_vacuumcmd === true ? "VACUUM" : undefined;
  if ("ClusterStmt" in node) {
    const { relation } = node.ClusterStmt;
    if (relation === undefined) return "CLUSTER of every table";
    return isPartitioned(relation.schemaname, relation.relname ?? "") ? "CLUSTER of a partitioned table" : undefined;
  }
  if ("AlterTableStmt" in node) {
    const detaches = (node.AlterTableStmt.cmds ?? []).some(
      (command) =>
        "AlterTableCmd" in command &&
        command.AlterTableCmd.subtype === "AT_DetachPartition" &&
        command.AlterTableCmd.def !== undefined &&
        "PartitionCmd" in command.AlterTableCmd.def &&
        command.AlterTableCmd.def.PartitionCmd.concurrent === true,
    );
    return detaches ? "DETACH PARTITION CONCURRENTLY" : undefined;
  }
  if ("CreatedbStmt" in node) return "CREATE DATABASE";
  if ("DropdbStmt" in node) return "DROP DATABASE";
  if ("AlterDatabaseStmt" in node) {
    const moves = definitions(node.AlterDatabaseStmt.options ?? []).some(({ defname }) => defname === "tablespace");
    return moves ? "ALTER DATABASE … SET TABLESPACE" : undefined;
  }
  if ("CreateTableSpaceStmt" in node) return "CREATE TABLESPACE";
  if ("DropTableSpaceStmt" in node) return "DROP TABLESPACE";
  if ("AlterSystemStmt" in node) return "ALTER SYSTEM";
  if ("DiscardStmt" in node) return node.DiscardStmt.target === "DISCARD_ALL" ? "DISCARD ALL" : undefined;
  return refusedSubscription(node);
}

function refusedSubscription(node: Node): string | undefined {
  if ("CreateSubscriptionStmt" in node) {
    const { options = [] } = node.CreateSubscriptionStmt;
    const createsSlot = isOn(options, "create_slot", isOn(options, "connect", true));
    return createsSlot ? "CREATE SUBSCRIPTION that creates a slot" : undefined;
  }
  if ("DropSubscriptionStmt" in node) return "DROP SUBSCRIPTION";
  if (!("AlterSubscriptionStmt" in node)) return undefined;
  const { kind, options = [] } = node.AlterSubscriptionStmt;
  const refreshes =
    kind === "ALTER_SUBSCRIPTION_SET_PUBLICATION" ||
    kind === "ALTER_SUBSCRIPTION_ADD_PUBLICATION" ||
    kind === "ALTER_SUBSCRIPTION_DROP_PUBLICATION";
  if (kind === "ALTER_SUBSCRIPTION_REFRESH") return "ALTER SUBSCRIPTION … REFRESH PUBLICATION";
  return refreshes && isOn(options, "refresh", true) ? "ALTER SUBSCRIPTION that refreshes" : undefined;
}

/**
 * A value added to an enum cannot be used before its transaction ends: 55P04 (unsafe_new_enum_value_usage). Looked for
 * within every later string, so that array literals and function bodies count; a mistaken hit costs only atomicity.
 */
function refusedUse(node: Node, later: readonly Pick<Statement, "node">[]): string | undefined {
  const { newVal: label, oldVal } = "AlterEnumStmt" in node ? node.AlterEnumStmt : {};
  // With an old value it renames, and that may be used at once.
  if (label === undefined || oldVal !== undefined) return undefined;
  const isUsed = later.some((statement) => writtenStrings(statement.node).some((text) => text.includes(label)));
  return isUsed ? `ALTER TYPE … ADD VALUE '${label}', which a later statement uses` : undefined;
}

/** Reads an option of a `WITH (…)` or `(…)` list as PostgreSQL's defGetBoolean does. */
function isOn(options: readonly Node[], name: string, otherwise: boolean): boolean {
  const option = definitions(options).find(({ defname }) => defname === name);
  if (option === undefined) return otherwise;
  const { arg } = option;
  if (arg === undefined) return true;
  if ("Integer" in arg) return (arg.Integer.ival ?? 0) !== 0;
  if ("Boolean" in arg) return arg.Boolean.boolval === true;
  return "String" in arg && ["true", "on", "1"].includes((arg.String.sval ?? "").toLowerCase());
}

function definitions(options: readonly Node[]): DefElem[] {
  return options.flatMap((option) => ("DefElem" in option ? [option.DefElem] : []));
}
