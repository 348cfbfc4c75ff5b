import type { Node } from "libpg-query";

/**
 * Whether a statement sets something for its session, which is gone when the session is: `set …`, and pg_dump's
 * `select pg_catalog.set_config('search_path', '', false)`.
 */
export function isSessionSetting(node: Node): boolean {
  if ("VariableSetStmt" in node) return true;
  if (!("SelectStmt" in node)) return false;
  const targets = node.SelectStmt.targetList ?? [];
  return targets.length > 0 && targets.every((target) => "ResTarget" in target && isSetConfig(target.ResTarget.val));
}

function isSetConfig(value: Node | undefined): boolean {
  if (value === undefined || !("FuncCall" in value)) return false;
  const name = value.FuncCall.funcname?.at(-1);
  return name !== undefined && "String" in name && name.String.sval === "set_config";
}
