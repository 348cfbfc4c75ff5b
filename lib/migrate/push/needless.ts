import type { AlterTableStmt, ColumnDef, Node, RangeVar } from "libpg-query";

/** A statement of drizzle-kit's, read by PostgreSQL's own parser. */
export type KitStatement = { readonly sql: string; readonly node: Node };

/**
 * drizzle-kit empties a table with rows, and all that refer to it, before it changes the type of a column, be it from
 * varchar(10) to varchar(20). The change alone keeps the rows, or fails and is rolled back; whether it may lose something is
 * judged by the types. Only a new NOT NULL column without a default cannot do without. Pure.
 */
export function leaveOutTruncates(statements: readonly KitStatement[]): KitStatement[] {
  const needy = new Set(
    statements.flatMap(({ node }) => ("AlterTableStmt" in node ? neededBy(node.AlterTableStmt) : [])),
  );
  return statements.filter(({ node }) => {
    if (!("TruncateStmt" in node)) return true;
    const [relation] = node.TruncateStmt.relations ?? [];
    return relation === undefined || !("RangeVar" in relation) || needy.has(labelOf(relation.RangeVar));
  });
}

function neededBy({ relation, cmds = [] }: AlterTableStmt): string[] {
  const addsRequired = cmds.some((command) => {
    if (!("AlterTableCmd" in command)) return false;
    const { subtype = "AT_AddColumn", def } = command.AlterTableCmd;
    if (subtype !== "AT_AddColumn" || def === undefined || !("ColumnDef" in def)) return false;
    const kinds = (def.ColumnDef.constraints ?? []).map((node) =>
      "Constraint" in node ? node.Constraint.contype : undefined,
    );
    const hasValue = kinds.some((kind) => kind !== undefined && givesValue.has(kind)) || isSerial(def.ColumnDef);
    return kinds.includes("CONSTR_NOTNULL") && !hasValue;
  });
  return addsRequired ? [labelOf(relation)] : [];
}

const givesValue: ReadonlySet<string> = new Set(["CONSTR_DEFAULT", "CONSTR_GENERATED", "CONSTR_IDENTITY"]);

function isSerial({ typeName }: ColumnDef): boolean {
  const last = typeName?.names?.at(-1);
  return last !== undefined && "String" in last && (last.String.sval ?? "").endsWith("serial");
}

/** `schema.table`; without a schema it is one of `public`, which is first in the search path of a push. */
export function labelOf(relation: RangeVar | undefined): string {
  return `${relation?.schemaname ?? "public"}.${relation?.relname ?? ""}`;
}

/** What the database has already, as the statements that would make it so. */
export type Present = KitStatement;

/** Names of the constraints that are dropped and added again. */
export function findReplaced(statements: readonly KitStatement[]): string[] {
  const changes = statements.map((statement) => readChange(statement));
  const dropped = new Set(changes.flatMap((change) => (change?.kind === "drop" ? [change.label] : [])));
  return changes.flatMap((change) => (change?.kind === "add" && dropped.has(change.label) ? [change.name] : []));
}

/**
 * drizzle-kit repeats, at each push, what it reads from the database otherwise than from the file: it drops and adds anew a
 * named primary key of one column, and a unique constraint whose columns it gets in another order; it sets the cache of an
 * identity column, which it never reads. Where the database has exactly what would be made, nothing is to be done: dropping
 * a primary key that foreign keys refer to would even fail. Pure.
 */
export function findRepeats(
  statements: readonly KitStatement[],
  present: readonly Present[],
): ReadonlySet<KitStatement> {
  const there = new Map(present.map((one) => [readChange(one)?.label, readChange(one)?.definition]));
  const changes = new Map(statements.map((statement) => [statement, readChange(statement)]));
  const same = new Set(
    [...changes.values()].flatMap((change) =>
      change?.definition !== undefined && change.definition === there.get(change.label) ? [change.label] : [],
    ),
  );
  return new Set(statements.filter((statement) => same.has(changes.get(statement)?.label ?? "")));
}

type Change = {
  readonly kind: "drop" | "add" | "set";
  /** Of the constraint or the column. */
  readonly name: string;
  /** Table, and constraint, or column and what is set. */
  readonly label: string;
  /** What is added or set, as a tree: the same for two ways to write it. */
  readonly definition: string | undefined;
};

/** What a statement does that drops or adds one constraint, or sets one column's identity; of any other undefined. */
function readChange({ node }: KitStatement): Change | undefined {
  if (!("AlterTableStmt" in node)) return undefined;
  const { relation, cmds = [] } = node.AlterTableStmt;
  const [command] = cmds;
  if (cmds.length !== 1 || command === undefined || !("AlterTableCmd" in command)) return undefined;
  const { subtype, name = "", def } = command.AlterTableCmd;
  const table = labelOf(relation);
  if (subtype === "AT_DropConstraint") {
    return { kind: "drop", name, label: `${table} constraint ${name}`, definition: undefined };
  }
  if (subtype === "AT_SetIdentity") {
    // Each option of a column by itself: one that is as it should be says nothing about another.
    const definition = treeOf(def);
    return { kind: "set", name, label: `${table} column ${name} ${definition}`, definition };
  }
  if (subtype !== "AT_AddConstraint" || def === undefined || !("Constraint" in def)) return undefined;
  const { conname = "" } = def.Constraint;
  return { kind: "add", name: conname, label: `${table} constraint ${conname}`, definition: treeOf(def) };
}

function treeOf(node: Node | undefined): string {
  return JSON.stringify(node, withoutPlace);
}

/** Where something is written means nothing, and `public` is where a table without a schema is. */
function withoutPlace(key: string, value: unknown): unknown {
  const isDefault = key === "location" || (key === "schemaname" && value === "public");
  return isDefault ? undefined : value;
}
