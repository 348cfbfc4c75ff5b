import type { ColumnDef, Constraint, Node } from "libpg-query";
import { judgeConstraint } from "./constraints.ts";
import { combine, type Verdict } from "./hazard.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn, type Table } from "./table.ts";

const serialTypes = new Set(["serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"]);

/**
 * ADD COLUMN only changes the catalog, with a constant or stable default too (it is kept once, not in each row). A value
 * that differs by row is written into each: volatile default, identity, serial, stored generated column.
 */
export function judgeAddColumn(column: ColumnDef, table: Table, scene: Scene): Verdict {
  const { colname = "", constraints: nodes = [] } = column;
  const constraints = nodes.flatMap((node) => ("Constraint" in node ? [node.Constraint] : []));
  const rewriting = whyRewritten(column, constraints, scene);
  const hasValue = rewriting !== undefined || hasDefault(constraints);
  const isNotNull = constraints.some(({ contype }) => contype === "CONSTR_NOTNULL" || contype === "CONSTR_PRIMARY");
  const others = constraints.map((constraint) => judgeInline(constraint, hasValue, table, scene));
  scene.addColumn(table, colname);
  return combine([
    {
      effects: effectOn(table, "ACCESS EXCLUSIVE", rewriting === undefined ? "none" : "rewrite"),
      hazards: [
        ...(rewriting === undefined
          ? []
          : hazardOn(table, rewriting.code, `${rewriting.text}; add the column without it, then fill it in batches`)),
        ...(isNotNull && !hasValue && table.size !== "empty"
          ? hazardOn(
              table,
              "not-null.no-default",
              `NOT NULL without a default fails if the table has a row (${colname})`,
              {
                severity: "danger",
              },
            )
          : []),
      ],
    },
    ...others,
  ]);
}

function whyRewritten(
  { colname = "", typeName }: ColumnDef,
  constraints: readonly Constraint[],
  scene: Scene,
): { readonly code: "rewrite" | "default.volatile"; readonly text: string } | undefined {
  const written = "writes the whole table anew while nobody can read or write it";
  for (const { contype, raw_expr: expression, generated_kind: kind } of constraints) {
    if (contype === "CONSTR_IDENTITY") return { code: "rewrite", text: `An identity column (${colname}) ${written}` };
    if (contype === "CONSTR_GENERATED" && kind !== "v") {
      return { code: "rewrite", text: `A stored generated column (${colname}) ${written}` };
    }
    const called = contype === "CONSTR_DEFAULT" ? findVolatileCall(expression, scene) : undefined;
    if (called !== undefined) {
      return { code: "default.volatile", text: `The default ${called}() of ${colname} differs by row and ${written}` };
    }
  }
  const last = typeName?.names?.at(-1);
  if (last !== undefined && "String" in last && serialTypes.has(last.String.sval ?? "")) {
    return { code: "default.volatile", text: `A serial column (${colname}) ${written}` };
  }
  return undefined;
}

function findVolatileCall(expression: Node | undefined, { facts }: Scene): string | undefined {
  const stack: unknown[] = [expression];
  for (let value = stack.pop(); stack.length > 0 || value !== undefined; value = stack.pop()) {
    if (typeof value !== "object" || value === null) continue;
    if ("FuncCall" in value) {
      const { funcname = [] } = value.FuncCall as { funcname?: Node[] };
      const last = funcname.at(-1);
      const name = last !== undefined && "String" in last ? (last.String.sval ?? "") : "";
      if (facts.volatileFunctions.has(name)) return name;
    }
    stack.push(...Object.values(value));
  }
  return undefined;
}

function hasDefault(constraints: readonly Constraint[]): boolean {
  return constraints.some(
    ({ contype, raw_expr: expression }) =>
      (contype === "CONSTR_DEFAULT" && !(expression !== undefined && isNull(expression))) ||
      contype === "CONSTR_GENERATED",
  );
}

function isNull(expression: Node): boolean {
  return "A_Const" in expression && expression.A_Const.isnull === true;
}

/** A foreign key on a column that is null in every row needs no look at them. */
function judgeInline(constraint: Constraint, hasValue: boolean, table: Table, scene: Scene): Verdict {
  const { contype } = constraint;
  if (contype === "CONSTR_FOREIGN") {
    return judgeConstraint({ ...constraint, skip_validation: !hasValue }, table, scene);
  }
  const isTableWide = contype === "CONSTR_UNIQUE" || contype === "CONSTR_PRIMARY" || contype === "CONSTR_CHECK";
  return isTableWide ? judgeConstraint(constraint, table, scene) : { effects: [], hazards: [] };
}
