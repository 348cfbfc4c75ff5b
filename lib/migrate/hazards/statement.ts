import type { AlterObjectSchemaStmt, CreateStmt, CreateTableAsStmt, Node, RenameStmt } from "libpg-query";
import { judgeAlterTable } from "./alter-table.ts";
import { referencedTables } from "./constraints.ts";
import { judgeDrop, judgeDropWhole, judgeTruncate } from "./drops.ts";
import { type LockMode, nothing, type Verdict } from "./hazard.ts";
import { judgeCluster, judgeCreateIndex, judgeRefresh, judgeReindex, judgeVacuum } from "./indexes.ts";
import { judgeRows } from "./rows.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn } from "./table.ts";

/** What one statement does to tables that others use, and what is hazardous about it. Tells the scene what it changes. */
export function judgeStatement(node: Node, scene: Scene): Verdict {
  if ("AlterTableStmt" in node) return judgeAlterTable(node.AlterTableStmt, scene);
  if ("IndexStmt" in node) return judgeCreateIndex(node.IndexStmt, scene);
  if ("CreateStmt" in node) return judgeCreateTable(node.CreateStmt, scene);
  if ("CreateTableAsStmt" in node) return judgeCreateTableAs(node.CreateTableAsStmt, scene);
  if ("DropStmt" in node) return judgeDrop(node.DropStmt, scene);
  if ("TruncateStmt" in node) return judgeTruncate(node.TruncateStmt, scene);
  if ("RenameStmt" in node) return judgeRename(node.RenameStmt, scene);
  if ("AlterObjectSchemaStmt" in node) return judgeMove(node.AlterObjectSchemaStmt, scene);
  if ("ReindexStmt" in node) return judgeReindex(node.ReindexStmt, scene);
  if ("ClusterStmt" in node) return judgeCluster(node.ClusterStmt, scene);
  if ("VacuumStmt" in node) return judgeVacuum(node.VacuumStmt, scene);
  if ("RefreshMatViewStmt" in node) return judgeRefresh(node.RefreshMatViewStmt, scene);
  if ("CreateTrigStmt" in node) return locking(node.CreateTrigStmt.relation, "SHARE ROW EXCLUSIVE", scene);
  if ("CreatePolicyStmt" in node) return locking(node.CreatePolicyStmt.table, "ACCESS EXCLUSIVE", scene);
  if ("AlterPolicyStmt" in node) return locking(node.AlterPolicyStmt.table, "ACCESS EXCLUSIVE", scene);
  if ("RuleStmt" in node) return locking(node.RuleStmt.relation, "ACCESS EXCLUSIVE", scene);
  if ("DropdbStmt" in node) return judgeDropWhole("DROP DATABASE");
  if ("DropTableSpaceStmt" in node) return judgeDropWhole("DROP TABLESPACE");
  if ("DropOwnedStmt" in node) return judgeDropWhole("DROP OWNED");
  if ("DoStmt" in node) return opaque("A DO block");
  if ("CallStmt" in node) return opaque("A called procedure");
  if ("ExecuteStmt" in node) return opaque("A prepared statement");
  return changesRows(node) ? judgeRows(node, scene) : nothing;
}

function changesRows(node: Node): boolean {
  return (
    "InsertStmt" in node ||
    "UpdateStmt" in node ||
    "DeleteStmt" in node ||
    "MergeStmt" in node ||
    "SelectStmt" in node ||
    "ExplainStmt" in node
  );
}

function judgeCreateTable(statement: CreateStmt, scene: Scene): Verdict {
  const { relation, tableElts = [], inhRelations = [], partbound, if_not_exists: isOptional } = statement;
  scene.addTable(relation, isOptional);
  // A new partition is known to its parent at once; a child that only inherits is looked up later.
  const parentLock = partbound === undefined ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE";
  return {
    effects: [
      ...inhRelations.flatMap((parent) =>
        "RangeVar" in parent ? effectOn(scene.table(parent.RangeVar), parentLock) : [],
      ),
      ...referencedTables(tableElts).flatMap(({ pktable }) => effectOn(scene.table(pktable), "SHARE ROW EXCLUSIVE")),
    ],
    hazards: [],
  };
}

function judgeCreateTableAs({ into, query, if_not_exists: isOptional }: CreateTableAsStmt, scene: Scene): Verdict {
  const verdict = query === undefined ? nothing : judgeRows(query, scene);
  scene.addTable(into?.rel, isOptional);
  return verdict;
}

/** Code that runs during the deploy knows the old name. */
function judgeRename({ renameType, relationType, relation, subname, newname = "" }: RenameStmt, scene: Scene): Verdict {
  if (relation === undefined) return nothing;
  // An index has a lock of its own, which leaves its table to everybody.
  if (renameType === "OBJECT_INDEX") return nothing;
  const table = scene.table(relation);
  const isTable = renameType === "OBJECT_TABLE" || renameType === "OBJECT_VIEW" || renameType === "OBJECT_MATVIEW";
  const isColumn = renameType === "OBJECT_COLUMN" && relationType !== "OBJECT_TYPE";
  const effects = effectOn(table, "ACCESS EXCLUSIVE");
  if (isTable) scene.rename(table, { name: newname });
  if (isColumn && scene.isNewColumn(table, subname ?? "")) {
    scene.addColumn(table, newname);
    return { effects, hazards: [] };
  }
  if (!isTable && !isColumn) return { effects, hazards: [] };
  const what = isColumn ? `Column ${subname ?? ""} is` : "It is";
  return {
    effects,
    hazards: hazardOn(
      table,
      "rename",
      `${what} called ${newname} from then on, and code that is still running breaks`,
      {
        severity: "warning",
      },
    ),
  };
}

function judgeMove({ relation, newschema = "" }: AlterObjectSchemaStmt, scene: Scene): Verdict {
  if (relation === undefined) return nothing;
  const table = scene.table(relation);
  scene.rename(table, { schema: newschema });
  return {
    effects: effectOn(table, "ACCESS EXCLUSIVE"),
    hazards: hazardOn(table, "rename", `It moves to schema ${newschema}, and code that is still running breaks`, {
      severity: "warning",
    }),
  };
}

function locking(relation: Parameters<Scene["table"]>[0], lock: LockMode, scene: Scene): Verdict {
  return { effects: effectOn(scene.table(relation), lock), hazards: [] };
}

/** What a plan cannot look into may do anything, so a protected stage wants to hear that somebody has. */
function opaque(what: string): Verdict {
  const message = `${what} does what only its code says: read it before you approve.`;
  return { effects: [], hazards: [{ code: "opaque", severity: "warning", message, destructive: true }] };
}
