import type { Node, RangeVar } from "libpg-query";
import type pg from "pg";
import { quoteIdentifier } from "#lib/postgres/quote.ts";

/** How far `alter table … detach partition … concurrently` has come. */
export type Detachment = "attached" | "pending" | "detached";

/** The statement's table and partition, as it writes them; undefined for another statement. */
function partitionOf(node: Node): { readonly table: string; readonly partition: string } | undefined {
  if (!("AlterTableStmt" in node)) return undefined;
  const { relation, cmds = [] } = node.AlterTableStmt;
  for (const command of cmds) {
    if (!("AlterTableCmd" in command) || command.AlterTableCmd.subtype !== "AT_DetachPartition") continue;
    const { def } = command.AlterTableCmd;
    if (def === undefined || !("PartitionCmd" in def) || def.PartitionCmd.concurrent !== true) continue;
    return { table: written(relation), partition: written(def.PartitionCmd.name) };
  }
  return undefined;
}

function written(name: RangeVar | undefined): string {
  return [name?.schemaname, name?.relname]
    .filter((part) => part !== undefined)
    .map(quoteIdentifier)
    .join(".");
}

/**
 * Looks how far a concurrent detachment has come; undefined for another statement. It has two phases, and cut off between them
 * it stays pending: the statement itself then fails (55000), and `finalize` ends it.
 */
export async function readDetachment(client: pg.Client, node: Node): Promise<Detachment | undefined> {
  const names = partitionOf(node);
  if (names === undefined) return undefined;
  const { rows } = await client.query<{ pending: boolean }>(
    "select inhdetachpending as pending from pg_inherits where inhparent = to_regclass($1) and inhrelid = to_regclass($2)",
    [names.table, names.partition],
  );
  const [row] = rows;
  if (row === undefined) return "detached";
  return row.pending ? "pending" : "attached";
}

/** The statement that ends a pending detachment. */
export function finalizeSql(node: Node): string {
  const names = partitionOf(node);
  if (names === undefined) throw new Error("not a detachment");
  return `alter table ${names.table} detach partition ${names.partition} finalize`;
}
