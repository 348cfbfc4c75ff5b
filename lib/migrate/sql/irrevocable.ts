import type { Node } from "libpg-query";
import type { Statement } from "./parse-migration.ts";

/**
 * Repeating it says the same again: where the sequence stands belongs to no transaction, and a rerun by hand would do no else.
 * The others of the list reach outside, where each try would do its work once more.
 */
const repeatable: ReadonlySet<string> = new Set(["setval"]);

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
    const what = irrevocableIn(node, irrevocableFunctions);
    if (what !== undefined) return `${what} in line ${line}, which a rollback does not undo`;
  }
  return undefined;
}

/** Whether statements that were rolled back may be run anew, as far as they say it themselves. */
export function areRepeatable(statements: readonly Pick<Statement, "node">[]): boolean {
  const reachOutside = irrevocableFunctions.difference(repeatable);
  return statements.every(({ node }) => irrevocableIn(node, reachOutside) === undefined);
}

/**
 * The same of a text that nobody has parsed: no function of the list is named in it, in code or elsewhere, and no COPY that
 * writes. Sees less sharply, so that prose with such words counts as one that may not be repeated.
 */
export function isRepeatableText(text: string): boolean {
  const names = [...irrevocableFunctions.difference(repeatable)].join("|");
  return !new RegExp(`\\b(?:${names})\\b|\\bcopy\\b[^;]*?\\b(?:to|program)\\b`, "iu").test(text);
}

function irrevocableIn(node: Node, functions: ReadonlySet<string>): string | undefined {
  if ("CopyStmt" in node && node.CopyStmt.is_program === true) return "COPY … PROGRAM";
  if ("CopyStmt" in node && node.CopyStmt.is_from !== true) return "COPY … TO";
  const stack: unknown[] = [node];
  while (stack.length > 0) {
    const value = stack.pop();
    if (typeof value !== "object" || value === null) continue;
    if ("funcname" in value && Array.isArray(value.funcname)) {
      const last = (value.funcname as Node[]).at(-1);
      const name = last !== undefined && "String" in last ? (last.String.sval ?? "") : "";
      if (functions.has(name)) return `${name}()`;
    }
    for (const inner of Object.values(value)) stack.push(inner);
  }
  return undefined;
}
