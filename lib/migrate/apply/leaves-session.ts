import type { Node } from "libpg-query";

/** Statements that define things and run none of the database's own code, as long as they call no function. */
const definitions: ReadonlySet<string> = new Set([
  "AlterDomainStmt",
  "AlterEnumStmt",
  "AlterOwnerStmt",
  "AlterSeqStmt",
  "AlterTableStmt",
  "CommentStmt",
  "CompositeTypeStmt",
  "CreateDomainStmt",
  "CreateEnumStmt",
  "CreateFunctionStmt",
  "CreatePolicyStmt",
  "CreateRangeStmt",
  "CreateSeqStmt",
  "CreateStmt",
  "CreateTrigStmt",
  "DropStmt",
  "GrantStmt",
  "IndexStmt",
  "RenameStmt",
  "ViewStmt",
]);

/** Functions that defaults and checks call every day, and that set nothing. */
const harmless: ReadonlySet<string> = new Set([
  "now",
  "clock_timestamp",
  "gen_random_uuid",
  "nextval",
  "lower",
  "upper",
  "length",
  "char_length",
  "coalesce",
]);

/**
 * Whether a migration surely leaves its session as it found it (`search_path`, the role, timeouts), so that nothing has to be
 * reset behind it. Careful: what it does not know may have set something.
 */
export function leavesSessionAlone(nodes: readonly Node[]): boolean {
  return nodes.every((node) => Object.keys(node).every((kind) => definitions.has(kind)) && callsNothing(node));
}

function callsNothing(tree: Node): boolean {
  const stack: object[] = [tree];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if ("FuncCall" in value && !harmless.has(calledName(value.FuncCall))) return false;
    // Neither `Object.entries` nor `for … in`: those take a third of the time that reading a migration takes.
    for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) stack.push(inner);
  }
  return true;
}

/** With a schema it is somebody's own. */
function calledName(call: unknown): string {
  if (typeof call !== "object" || call === null || !("funcname" in call) || !Array.isArray(call.funcname)) return "";
  const [first, ...others] = call.funcname as Node[];
  return others.length === 0 && first !== undefined && "String" in first ? (first.String.sval ?? "") : "";
}
