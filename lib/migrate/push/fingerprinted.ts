import type { AlterTableCmd, Node } from "libpg-query";

/**
 * Whether all that a statement can change stands in the fingerprint of `after-run/schema-lines.ts`, so that the same
 * fingerprint proves that it did nothing. Of kinds that drizzle-kit repeats; what is not known to be one is none: it may
 * have changed rows, a tablespace, the position of a sequence or a grant, which no fingerprint shows. Pure.
 */
export function isFingerprinted(node: Node): boolean {
  if ("AlterTableStmt" in node) {
    const { cmds = [] } = node.AlterTableStmt;
    return cmds.every((command) => "AlterTableCmd" in command && isFingerprintedCommand(command.AlterTableCmd));
  }
  if ("AlterSeqStmt" in node) return !restarts(node.AlterSeqStmt.options);
  if ("DropStmt" in node) return droppedKinds.has(node.DropStmt.removeType ?? "");
  return "IndexStmt" in node || "CreatePolicyStmt" in node || "AlterPolicyStmt" in node;
}

const droppedKinds: ReadonlySet<string> = new Set(["OBJECT_INDEX", "OBJECT_POLICY"]);

const commands: ReadonlySet<string> = new Set([
  "AT_ColumnDefault",
  "AT_SetNotNull",
  "AT_DropNotNull",
  "AT_AddConstraint",
  "AT_DropConstraint",
  "AT_EnableRowSecurity",
  "AT_DisableRowSecurity",
  "AT_SetRelOptions",
  "AT_ResetRelOptions",
  "AT_SetAccessMethod",
]);

function isFingerprintedCommand({ subtype = "AT_AddColumn", def }: AlterTableCmd): boolean {
  if (subtype === "AT_SetIdentity") return def !== undefined && "List" in def && !restarts(def.List.items);
  if (subtype !== "AT_AlterColumnType") return commands.has(subtype);
  // To the type that it has. An expression may give another value, a cast of the column to its own type cannot.
  return def !== undefined && "ColumnDef" in def && isCastOfColumn(def.ColumnDef.raw_default);
}

function isCastOfColumn(using: Node | undefined): boolean {
  if (using === undefined || "ColumnRef" in using) return true;
  return "TypeCast" in using && isCastOfColumn(using.TypeCast.arg);
}

function restarts(options: readonly Node[] | undefined): boolean {
  return (options ?? []).some((option) => "DefElem" in option && option.DefElem.defname === "restart");
}
