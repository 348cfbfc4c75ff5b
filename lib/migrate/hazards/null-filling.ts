import type { Node, UpdateStmt } from "libpg-query";

/** Whether an UPDATE writes only where there is nothing: its WHERE wants each of its columns to be NULL. */
export function fillsNulls({ relation, whereClause }: UpdateStmt, columns: readonly string[]): boolean {
  const ownName = relation?.alias?.aliasname ?? relation?.relname ?? "";
  const nulls = new Set(conditionsOf(whereClause).map((condition) => columnSaidNull(condition, ownName)));
  return columns.every((column) => nulls.has(column));
}

function conditionsOf(where: Node | undefined): readonly Node[] {
  if (where === undefined) return [];
  if ("BoolExpr" in where && where.BoolExpr.boolop === "AND_EXPR") return where.BoolExpr.args ?? [];
  return [where];
}

/** A column without a table's name is the updated table's: if another had it too, it would be ambiguous. */
function columnSaidNull(condition: Node, ownName: string): string | undefined {
  if (!("NullTest" in condition) || condition.NullTest.nulltesttype !== "IS_NULL") return undefined;
  const { arg } = condition.NullTest;
  if (arg === undefined || !("ColumnRef" in arg)) return undefined;
  const names = (arg.ColumnRef.fields ?? []).map((field) => ("String" in field ? (field.String.sval ?? "") : ""));
  if (names.length === 2 && names[0] !== ownName) return undefined;
  return names.length > 2 ? undefined : names.at(-1);
}
