import type { Node } from "libpg-query";
import type { Statement } from "./parse-migration.ts";

/** Functions whose effect a rollback does not take back, or that reach outside the database. */
const irrevocableFunctions: ReadonlySet<string> = new Set([
  "setval",
  "dblink",
  "dblink_exec",
  "dblink_send_query",
  "lo_export",
  "pg_cancel_backend",
  "pg_terminate_backend",
  "pg_create_logical_replication_slot",
  "pg_create_physical_replication_slot",
  "pg_drop_replication_slot",
]);

/**
 * Finds what a rollback would not undo, so that it must not be tried. Only what the statements write themselves: the
 * code of functions and DO blocks may do more.
 */
export function findIrrevocable(statements: readonly Pick<Statement, "node" | "line">[]): string | undefined {
  for (const { node, line } of statements) {
    const what = irrevocableIn(node);
    if (what !== undefined) return `${what} in line ${line}, which a rollback does not undo`;
  }
  return undefined;
}

function irrevocableIn(node: Node): string | undefined {
  if ("CopyStmt" in node && node.CopyStmt.is_program === true) return "COPY … PROGRAM";
  if ("CopyStmt" in node && node.CopyStmt.is_from !== true) return "COPY … TO";
  const stack: unknown[] = [node];
  while (stack.length > 0) {
    const value = stack.pop();
    if (typeof value !== "object" || value === null) continue;
    if ("funcname" in value && Array.isArray(value.funcname)) {
      const last = (value.funcname as Node[]).at(-1);
      const name = last !== undefined && "String" in last ? (last.String.sval ?? "") : "";
      if (irrevocableFunctions.has(name)) return `${name}()`;
    }
    for (const inner of Object.values(value)) stack.push(inner);
  }
  return undefined;
}
