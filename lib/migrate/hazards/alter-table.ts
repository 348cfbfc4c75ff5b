import type { AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, Node } from "libpg-query";
import { judgeAddColumn } from "./add-column.ts";
import { judgeTypeChange } from "./column-type.ts";
import { judgeConstraint } from "./constraints.ts";
import { combine, type Effect, type LockMode, nothing, type Verdict } from "./hazard.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn, type Table } from "./table.ts";

/** ALTER TABLE: each of its commands. The server takes the strongest of their locks for all of them. */
export function judgeAlterTable({ relation, cmds = [], objtype }: AlterTableStmt, scene: Scene): Verdict {
  if (objtype === "OBJECT_INDEX") {
    const { schemaname, relname = "" } = relation ?? {};
    const table = scene.tableOfIndex(schemaname, relname);
    return { effects: table === undefined ? [] : effectOn(table, "SHARE UPDATE EXCLUSIVE"), hazards: [] };
  }
  const table = scene.table(relation);
  return combine(
    cmds.map((command) => ("AlterTableCmd" in command ? judge(command.AlterTableCmd, table, scene) : nothing)),
  );
}

function judge(command: AlterTableCmd, table: Table, scene: Scene): Verdict {
  const { subtype = "AT_AddColumn", name = "", def } = command;
  switch (subtype) {
    case "AT_AddColumn": {
      const column = readColumn(def);
      const isThere = table.facts?.columns.some((known) => known.name === column.colname) ?? false;
      // IF NOT EXISTS: then nothing but the lock happens.
      if (command.missing_ok === true && isThere) return { effects: lockAll([table]), hazards: [] };
      return judgeAddColumn(column, table, scene);
    }
    case "AT_AddConstraint":
      return def !== undefined && "Constraint" in def ? judgeConstraint(def.Constraint, table, scene) : nothing;
    case "AT_ValidateConstraint":
      scene.validate(table, name);
      return { effects: effectOn(table, "SHARE UPDATE EXCLUSIVE", "scan"), hazards: [] };
    case "AT_SetNotNull":
      return judgeSetNotNull(name, table, scene);
    case "AT_AlterColumnType":
      return judgeColumnType(name, readColumn(def), table, scene);
    case "AT_DropColumn":
      return judgeDropColumn(command, table, scene);
    case "AT_DropConstraint":
      return {
        effects: lockAll([table, ...scene.referencedBy(table, (key) => key.name === name)]),
        hazards:
          command.behavior === "DROP_CASCADE"
            ? hazardOn(table, "drop.cascade", "CASCADE drops the foreign keys of other tables too", {
                severity: "warning",
              })
            : [],
      };
    case "AT_SetExpression":
    case "AT_SetAccessMethod":
    case "AT_SetTableSpace":
    case "AT_SetLogged":
      return judgeRewrite(table);
    case "AT_SetUnLogged":
      return judgeSetUnlogged(table);
    case "AT_DisableRowSecurity":
    case "AT_NoForceRowSecurity":
      return judgeRowSecurityOff(table);
    case "AT_AttachPartition":
    case "AT_DetachPartition":
      return judgePartition(subtype, def, table, scene);
    default:
      return { effects: effectOn(table, lockOf(subtype)), hazards: [] };
  }
}

function judgeRewrite(table: Table): Verdict {
  return {
    effects: effectOn(table, "ACCESS EXCLUSIVE", "rewrite"),
    hazards: hazardOn(table, "rewrite", "The whole table is written anew while nobody can read or write it"),
  };
}

function judgeSetUnlogged(table: Table): Verdict {
  const message = "An unlogged table is emptied when the server crashes, and no standby has it";
  const hazards = hazardOn(table, "unlogged", message, { severity: "warning", destructive: true });
  return combine([judgeRewrite(table), { effects: [], hazards }]);
}

function judgeRowSecurityOff(table: Table): Verdict {
  const message = "Row level security is switched off: every row is open to whoever may read the table";
  return {
    effects: effectOn(table, "ACCESS EXCLUSIVE"),
    hazards: hazardOn(table, "rows.exposed", message, { severity: "warning", destructive: true }),
  };
}

function judgeSetNotNull(column: string, table: Table, scene: Scene): Verdict {
  if (scene.isProvenNotNull(table, column) || table.isNew) {
    return { effects: effectOn(table, "ACCESS EXCLUSIVE"), hazards: [] };
  }
  const way = `first ADD CHECK (${column} IS NOT NULL) NOT VALID, then VALIDATE it, each in a migration of its own`;
  return {
    effects: effectOn(table, "ACCESS EXCLUSIVE", "scan"),
    hazards: hazardOn(
      table,
      "not-null.scan",
      `SET NOT NULL reads every row while nobody can read or write the table; ${way}`,
    ),
  };
}

function judgeColumnType(column: string, def: ColumnDef, table: Table, scene: Scene): Verdict {
  if (def.typeName === undefined) return nothing;
  const known = table.facts?.columns.find(({ name }) => name === column);
  const { rewrites, widens } = judgeTypeChange(known, def.typeName, def.raw_default !== undefined);
  const isNew = scene.isNewColumn(table, column);
  const was = known === undefined ? "" : ` from ${known.type}`;
  const rewriting = `changing the type of ${column}${was} writes the whole table anew while nobody can read or write it`;
  return {
    effects: effectOn(table, "ACCESS EXCLUSIVE", rewrites ? "rewrite" : "none"),
    hazards: [
      ...(rewrites ? hazardOn(table, "rewrite", `${capital(rewriting)}; add a column, fill it in batches, swap`) : []),
      ...(widens || isNew
        ? []
        : hazardOn(table, "type.narrowing", `The new type of ${column} may not hold every value of the old one`, {
            severity: table.size === "empty" ? "notice" : "danger",
            destructive: true,
          })),
      ...(widens && rewrites
        ? hazardOn(table, "type.change", `Code that runs meets another type in ${column}`, { severity: "warning" })
        : []),
    ],
  };
}

function judgeDropColumn({ name = "", behavior }: AlterTableCmd, table: Table, scene: Scene): Verdict {
  const cascade = behavior === "DROP_CASCADE" ? " and with CASCADE everything that uses it" : "";
  const hazards = hazardOn(
    table,
    "drop.column",
    `Column ${name} and its values are gone${cascade}; code that still names it breaks`,
    { severity: table.size === "empty" ? "warning" : "danger", destructive: true },
  );
  const isNew = scene.isNewColumn(table, name);
  scene.dropColumn(table, name);
  const referenced = scene.referencedBy(table, ({ columns }) => columns.includes(name));
  return { effects: lockAll([table, ...referenced]), hazards: isNew ? [] : hazards };
}

/** ATTACH reads the rows of the new partition unless a CHECK proves its bounds; that is not looked for here. */
function judgePartition(subtype: AlterTableType, def: Node | undefined, table: Table, scene: Scene): Verdict {
  const command = def !== undefined && "PartitionCmd" in def ? def.PartitionCmd : {};
  const partition = scene.table(command.name);
  if (subtype === "AT_DetachPartition") {
    const lock = command.concurrent === true ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE";
    return { effects: [...effectOn(table, lock), ...effectOn(partition, lock)], hazards: [] };
  }
  return {
    effects: [...effectOn(table, "SHARE UPDATE EXCLUSIVE"), ...effectOn(partition, "ACCESS EXCLUSIVE", "scan")],
    hazards: hazardOn(
      partition,
      "constraint.scan",
      "ATTACH PARTITION reads every row of the partition unless a valid CHECK already says that it is within the bounds",
    ),
  };
}

/** AlterTableGetLockLevel of PostgreSQL, for what is not judged above; what is not named there takes the strongest. */
function lockOf(subtype: AlterTableType): LockMode {
  switch (subtype) {
    case "AT_SetStatistics":
    case "AT_ClusterOn":
    case "AT_DropCluster":
    case "AT_SetOptions":
    case "AT_ResetOptions":
    case "AT_SetRelOptions":
    case "AT_ResetRelOptions":
    case "AT_DetachPartitionFinalize":
      return "SHARE UPDATE EXCLUSIVE";
    case "AT_EnableTrig":
    case "AT_EnableAlwaysTrig":
    case "AT_EnableReplicaTrig":
    case "AT_EnableTrigAll":
    case "AT_EnableTrigUser":
    case "AT_DisableTrig":
    case "AT_DisableTrigAll":
    case "AT_DisableTrigUser":
      return "SHARE ROW EXCLUSIVE";
    default:
      return "ACCESS EXCLUSIVE";
  }
}

function lockAll(tables: readonly Table[]): Effect[] {
  return tables.flatMap((table) => effectOn(table, "ACCESS EXCLUSIVE"));
}

function readColumn(def: Node | undefined): ColumnDef {
  return def !== undefined && "ColumnDef" in def ? def.ColumnDef : {};
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
