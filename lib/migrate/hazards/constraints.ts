import type { Constraint, Node } from "libpg-query";
import type { Verdict } from "./hazard.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn, type Table } from "./table.ts";

/** ADD CONSTRAINT, in a statement of its own or with a column. */
export function judgeConstraint(constraint: Constraint, table: Table, scene: Scene): Verdict {
  const { contype, conname = "", skip_validation: isNotValid = false } = constraint;
  switch (contype) {
    case "CONSTR_CHECK":
      scene.addCheck(table, conname, constraint.raw_expr, !isNotValid);
      return judgeChecked("ACCESS EXCLUSIVE", "the check", isNotValid, table);
    case "CONSTR_NOTNULL":
      return judgeNotNull(constraint, table, scene);
    case "CONSTR_FOREIGN": {
      const referenced = scene.table(constraint.pktable);
      const checked = judgeChecked("SHARE ROW EXCLUSIVE", "the foreign key", isNotValid, table);
      // On a new table there is no row to look at, but the referenced table is locked all the same.
      return { ...checked, effects: [...checked.effects, ...effectOn(referenced, "SHARE ROW EXCLUSIVE")] };
    }
    case "CONSTR_UNIQUE":
    case "CONSTR_PRIMARY":
    case "CONSTR_EXCLUSION":
      return judgeIndexed(constraint, table, scene);
    default:
      return { effects: effectOn(table, "ACCESS EXCLUSIVE"), hazards: [] };
  }
}

function judgeChecked(
  lock: "ACCESS EXCLUSIVE" | "SHARE ROW EXCLUSIVE",
  what: string,
  isNotValid: boolean,
  table: Table,
): Verdict {
  if (isNotValid) return { effects: effectOn(table, lock), hazards: [] };
  const blocked = lock === "ACCESS EXCLUSIVE" ? "read or write" : "write";
  return {
    effects: effectOn(table, lock, "scan"),
    hazards: hazardOn(
      table,
      "constraint.scan",
      `Every row is checked while nobody can ${blocked} the table; add ${what} NOT VALID, then VALIDATE it in the next migration`,
    ),
  };
}

function judgeNotNull({ keys = [], skip_validation: isNotValid }: Constraint, table: Table, scene: Scene): Verdict {
  const columns = keys.flatMap((key) => ("String" in key ? [key.String.sval ?? ""] : []));
  const isProven = columns.every((column) => scene.isProvenNotNull(table, column));
  return judgeChecked("ACCESS EXCLUSIVE", "the constraint", isNotValid === true || isProven, table);
}

function judgeIndexed(constraint: Constraint, table: Table, scene: Scene): Verdict {
  const { contype, indexname } = constraint;
  if (indexname !== undefined) {
    // A primary key makes its columns NOT NULL, and looks at every row for that when they are not.
    const { columns = [] } = table.facts ?? {};
    const mayBeNull = contype === "CONSTR_PRIMARY" && columns.some(({ name }) => !scene.isProvenNotNull(table, name));
    return { effects: effectOn(table, "ACCESS EXCLUSIVE", mayBeNull ? "scan" : "none"), hazards: [] };
  }
  const way =
    contype === "CONSTR_EXCLUSION"
      ? "an exclusion constraint has no way around it"
      : "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX";
  return {
    effects: effectOn(table, "ACCESS EXCLUSIVE", "build"),
    hazards: hazardOn(table, "index.blocking", `Its index is built while nobody can read or write the table; ${way}`),
  };
}

/** CREATE TABLE: new tables hinder nobody, but what they refer to is locked. */
export function referencedTables(elements: readonly Node[]): Constraint[] {
  return elements.flatMap((element) => {
    if ("Constraint" in element) return element.Constraint.contype === "CONSTR_FOREIGN" ? [element.Constraint] : [];
    return "ColumnDef" in element ? referencedTables(element.ColumnDef.constraints ?? []) : [];
  });
}
