import type { AlterTableStmt, Constraint, FuncCall, Node } from "libpg-query";
import { type Hazard, opaque, type Verdict } from "./hazard.ts";
import type { Scene } from "./scene.ts";

/** Calls by which a statement may lose data: of functions of which only their code tells, and of those that say they do. */
export function judgeCalls(node: Node, scene: Scene): Verdict {
  const hazards = new Map<string, Hazard>();
  const stack: unknown[] = [whatRuns(node)];
  while (stack.length > 0) {
    const value = stack.pop();
    if (typeof value !== "object" || value === null) continue;
    if ("Constraint" in value && !isRun(value.Constraint as Constraint)) continue;
    if ("ExecuteStmt" in value) hazards.set("execute", opaque("A prepared statement"));
    if ("FuncCall" in value) {
      const name = functionName(value.FuncCall as FuncCall);
      const hazard = judgeCall(name, scene);
      if (hazard !== undefined) hazards.set(`${name}()`, hazard);
    }
    stack.push(...Object.values(value).toReversed());
  }
  return { effects: [], hazards: [...hazards.values()] };
}

/** PostgreSQL's own functions that overwrite or remove what is kept. */
const losing = new Set([
  "lo_unlink",
  "lo_put",
  "lo_truncate",
  "lo_truncate64",
  "lowrite",
  "pg_drop_replication_slot",
  "pg_replication_slot_advance",
]);

function judgeCall(name: string, { facts }: Scene): Hazard | undefined {
  if (!facts.trustedFunctions.has(name)) return opaque(`The function ${name}()`);
  if (!losing.has(name)) return undefined;
  const message = `The function ${name}() overwrites or removes what was there.`;
  return { code: "drop.object", severity: "warning", message, destructive: true };
}

/**
 * Statements that keep expressions for later. What an index or a statistics object computes, PostgreSQL wants immutable; CALL
 * and EXECUTE are opaque as they are.
 */
const keeping = new Set([
  "CallStmt",
  "CreateDomainStmt",
  "CreateFunctionStmt",
  "CreatePolicyStmt",
  "AlterPolicyStmt",
  "CreatePublicationStmt",
  "AlterPublicationStmt",
  "CreateSchemaStmt",
  "CreateStatsStmt",
  "CreateTrigStmt",
  "ExecuteStmt",
  "IndexStmt",
  "PrepareStmt",
  "RuleStmt",
  "ViewStmt",
]);

/** The parts of a statement that run with it. */
function whatRuns(node: Node): unknown {
  if ("CreateStmt" in node) return node.CreateStmt.partbound;
  if ("AlterTableStmt" in node) return commandsThatRun(node.AlterTableStmt);
  return Object.keys(node).some((kind) => keeping.has(kind)) ? undefined : node;
}

/** A default for later rows runs with those. */
function commandsThatRun({ cmds = [] }: AlterTableStmt): Node[] {
  return cmds.filter((command) => "AlterTableCmd" in command && command.AlterTableCmd.subtype !== "AT_ColumnDefault");
}

/** What is NOT VALID looks at no row; a generated column is immutable. */
function isRun({ contype, skip_validation: isNotValid = false }: Constraint): boolean {
  return contype !== "CONSTR_GENERATED" && !isNotValid;
}

function functionName({ funcname = [] }: FuncCall): string {
  const last = funcname.at(-1);
  return last !== undefined && "String" in last ? (last.String.sval ?? "") : "";
}
