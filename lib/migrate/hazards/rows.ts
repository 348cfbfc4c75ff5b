import type { DeleteStmt, InsertStmt, MergeStmt, Node, UpdateStmt } from "libpg-query";
import { combine, type Hazard, type Verdict } from "./hazard.ts";
import { fillsNulls } from "./null-filling.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn, type Table } from "./table.ts";

/** Every statement within this one that changes rows, those inside WITH included. */
export function judgeRows(node: Node, scene: Scene): Verdict {
  const verdicts: Verdict[] = [];
  const stack: unknown[] = [node];
  while (stack.length > 0) {
    const value = stack.pop();
    if (typeof value !== "object" || value === null) continue;
    if ("DeleteStmt" in value) verdicts.push(judgeDelete(value.DeleteStmt as DeleteStmt, scene));
    if ("UpdateStmt" in value) verdicts.push(judgeUpdate(value.UpdateStmt as UpdateStmt, scene));
    if ("MergeStmt" in value) verdicts.push(judgeMerge(value.MergeStmt as MergeStmt, scene));
    if ("InsertStmt" in value) verdicts.push(judgeInsert(value.InsertStmt as InsertStmt, scene));
    for (const inner of Object.values(value)) stack.push(inner);
  }
  return combine(verdicts);
}

function judgeDelete({ relation, whereClause }: DeleteStmt, scene: Scene): Verdict {
  const table = scene.table(relation);
  const which = whereClause === undefined ? "Every row is deleted" : "Rows are deleted";
  const severity = whereClause === undefined && table.size !== "empty" ? "danger" : "warning";
  return {
    effects: effectOn(table, "ROW EXCLUSIVE", "scan"),
    hazards: hazardOn(table, "rows.delete", `${which}, in one transaction`, { severity, destructive: true }),
  };
}

function judgeUpdate(statement: UpdateStmt, scene: Scene): Verdict {
  const { relation, whereClause, targetList } = statement;
  const table = scene.table(relation);
  const effects = effectOn(table, "ROW EXCLUSIVE", "scan");
  const columns = columnsOf(targetList);
  if (whereClause !== undefined) {
    const hazards = fillsNulls(statement, columns) ? [] : judgeOverwritten("UPDATE", table, columns, scene);
    return { effects, hazards };
  }
  return {
    effects,
    hazards: hazardOn(
      table,
      "rows.update-all",
      `Every row is written and stays locked until the migration ends (${columns.join(", ")}); fill in batches`,
      { destructive: existingAmong(columns, table, scene).length > 0 },
    ),
  };
}

function judgeInsert({ relation, onConflictClause }: InsertStmt, scene: Scene): Verdict {
  const table = scene.table(relation);
  const columns = onConflictClause?.action === "ONCONFLICT_UPDATE" ? columnsOf(onConflictClause.targetList) : [];
  return {
    effects: effectOn(table, "ROW EXCLUSIVE"),
    hazards: judgeOverwritten("ON CONFLICT DO UPDATE", table, columns, scene),
  };
}

function judgeMerge({ relation, mergeWhenClauses = [] }: MergeStmt, scene: Scene): Verdict {
  const table = scene.table(relation);
  const clauses = mergeWhenClauses.flatMap((clause) => ("MergeWhenClause" in clause ? [clause.MergeWhenClause] : []));
  const deletes = clauses.some(({ commandType }) => commandType === "CMD_DELETE");
  const updates = clauses.filter(({ commandType }) => commandType === "CMD_UPDATE");
  const columns = [...new Set(updates.flatMap(({ targetList }) => columnsOf(targetList)))];
  const options = { severity: "warning", destructive: true } as const;
  return {
    effects: effectOn(table, "ROW EXCLUSIVE", "scan"),
    hazards: [
      ...(deletes ? hazardOn(table, "rows.delete", "MERGE deletes rows", options) : []),
      ...judgeOverwritten("MERGE", table, columns, scene),
    ],
  };
}

function judgeOverwritten(what: string, table: Table, columns: readonly string[], scene: Scene): Hazard[] {
  const existing = existingAmong(columns, table, scene);
  if (existing.length === 0) return [];
  const message = `${what} overwrites values that are there (${existing.join(", ")}), and the old ones are gone`;
  return hazardOn(table, "rows.update", message, { severity: "warning", destructive: true });
}

/** Filling a column that the plan itself added loses nothing. */
function existingAmong(columns: readonly string[], table: Table, scene: Scene): string[] {
  return columns.filter((column) => !scene.isNewColumn(table, column));
}

function columnsOf(targetList: readonly Node[] = []): string[] {
  return targetList.flatMap((target) => ("ResTarget" in target ? [target.ResTarget.name ?? ""] : []));
}
