import type { AlterObjectSchemaStmt, CreateStmt, CreateTableAsStmt, LockStmt, Node, RenameStmt } from "libpg-query";
import { judgeAlterTable } from "./alter-table.ts";
import { judgeCalls } from "./calls.ts";
import { referencedTables } from "./constraints.ts";
import { judgeDrop, judgeDropWhole, judgeTruncate } from "./drops.ts";
import { combine, type LockMode, lockModes, nothing, opaque, type Verdict } from "./hazard.ts";
import { judgeCluster, judgeCreateIndex, judgeRefresh, judgeReindex, judgeVacuum } from "./indexes.ts";
import { judgeRows } from "./rows.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn } from "./table.ts";

/** What one statement does to tables that others use, and what is hazardous about it. Tells the scene what it changes. */
export function judgeStatement(node: Node, scene: Scene): Verdict {
  return combine([judgeKind(node, scene), judgeCalls(node, scene)]);
}

function judgeKind(node: Node, scene: Scene): Verdict {
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
  if ("LockStmt" in node) return judgeLock(node.LockStmt, scene);
  if ("DoStmt" in node) return { effects: [], hazards: [opaque("A DO block")] };
  if ("CallStmt" in node) return { effects: [], hazards: [opaque("A called procedure")] };
  if ("ExecuteStmt" in node) return { effects: [], hazards: [opaque("A prepared statement")] };
  return changesRows(node) ? judgeRows(node, scene) : nothing;
}

function changesRows(node: Node): boolean {
  return (
    "InsertStmt" in node ||
    "UpdateStmt" in node ||
    "DeleteStmt" in node ||
    "MergeStmt" in node ||
    "SelectStmt" in node ||
    "ExplainStmt" in node ||
    "CopyStmt" in node ||
    "DeclareCursorStmt" in node
  );
}

function judgeCreateTable(statement: CreateStmt, scene: Scene): Verdict {
  const { relation, tableElts = [], inhRelations = [], partbound } = statement;
  scene.addTable(relation);
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

function judgeCreateTableAs({ into, query }: CreateTableAsStmt, scene: Scene): Verdict {
  const verdict = query === undefined ? nothing : judgeRows(query, scene);
  scene.addTable(into?.rel);
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
  const isNewColumn = isColumn && scene.isNewColumn(table, subname ?? "");
  if (isColumn) scene.renameColumn(table, subname ?? "", newname);
  if (isNewColumn) return { effects, hazards: [] };
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

function judgeLock({ relations = [], mode = 8 }: LockStmt, scene: Scene): Verdict {
  // Numbered from 1 in the same order (lockdefs.h).
  const lock = lockModes[mode - 1] ?? "ACCESS EXCLUSIVE";
  const tables = relations.flatMap((relation) => ("RangeVar" in relation ? [scene.table(relation.RangeVar)] : []));
  return { effects: tables.flatMap((table) => effectOn(table, lock)), hazards: [] };
}

function locking(relation: Parameters<Scene["table"]>[0], lock: LockMode, scene: Scene): Verdict {
  return { effects: effectOn(scene.table(relation), lock), hazards: [] };
}
