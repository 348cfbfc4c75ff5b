import type { DeleteStmt, FuncCall, MergeStmt, Node, UpdateStmt } from "libpg-query";
import { combine, opaque, type Verdict } from "./hazard.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn } from "./table.ts";

/**
 * Every statement within this one that changes rows, those inside WITH included; and a call of a function that may
 * change any, which only its code tells.
 */
export function judgeRows(node: Node, scene: Scene): Verdict {
  const verdicts: Verdict[] = [];
  const untrusted = new Set<string>();
  const stack: unknown[] = [node];
  while (stack.length > 0) {
    const value = stack.pop();
    if (typeof value !== "object" || value === null) continue;
    if ("DeleteStmt" in value) verdicts.push(judgeDelete(value.DeleteStmt as DeleteStmt, scene));
    if ("UpdateStmt" in value) verdicts.push(judgeUpdate(value.UpdateStmt as UpdateStmt, scene));
    if ("MergeStmt" in value) verdicts.push(judgeMerge(value.MergeStmt as MergeStmt, scene));
    if ("InsertStmt" in value) {
      const { relation } = value.InsertStmt as { relation?: Parameters<Scene["table"]>[0] };
      verdicts.push({ effects: effectOn(scene.table(relation), "ROW EXCLUSIVE"), hazards: [] });
    }
    if ("FuncCall" in value) {
      const name = functionName(value.FuncCall as FuncCall);
      if (!scene.facts.trustedFunctions.has(name)) untrusted.add(name);
    }
    for (const inner of Object.values(value)) stack.push(inner);
  }
  return combine([
    ...verdicts,
    { effects: [], hazards: [...untrusted].map((name) => opaque(`The function ${name}()`)) },
  ]);
}

function functionName({ funcname = [] }: FuncCall): string {
  const last = funcname.at(-1);
  return last !== undefined && "String" in last ? (last.String.sval ?? "") : "";
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

/** Filling a column that the plan itself added loses nothing. */
function judgeUpdate({ relation, whereClause, targetList = [] }: UpdateStmt, scene: Scene): Verdict {
  const table = scene.table(relation);
  const effects = effectOn(table, "ROW EXCLUSIVE", "scan");
  if (whereClause !== undefined) return { effects, hazards: [] };
  const columns = targetList.flatMap((target) => ("ResTarget" in target ? [target.ResTarget.name ?? ""] : []));
  const destructive = !columns.every((column) => scene.isNewColumn(table, column));
  return {
    effects,
    hazards: hazardOn(
      table,
      "rows.update-all",
      `Every row is written and stays locked until the migration ends (${columns.join(", ")}); fill in batches`,
      { destructive },
    ),
  };
}

function judgeMerge({ relation, mergeWhenClauses = [] }: MergeStmt, scene: Scene): Verdict {
  const table = scene.table(relation);
  const deletes = mergeWhenClauses.some(
    (clause) => "MergeWhenClause" in clause && clause.MergeWhenClause.commandType === "CMD_DELETE",
  );
  const options = { severity: "warning", destructive: true } as const;
  return {
    effects: effectOn(table, "ROW EXCLUSIVE", "scan"),
    hazards: deletes ? hazardOn(table, "rows.delete", "MERGE deletes rows", options) : [],
  };
}
