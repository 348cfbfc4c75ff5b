import type { RangeVar } from "libpg-query";
import type { OutsideFacts } from "../sql/outside-transaction.ts";
import type { CatalogFacts, RelationFacts } from "./facts.ts";
import type { Effect, Hazard, HazardCode, LockMode, Severity, Work } from "./hazard.ts";

/** A table as a statement of the plan meets it. */
export type Table = {
  readonly schema: string;
  readonly name: string;
  /** Made by an earlier statement of this plan: it is small, and nobody else uses it. */
  readonly isNew: boolean;
  /** Undefined when the catalog does not have it. */
  readonly facts: RelationFacts | undefined;
  readonly size: TableSize;
};

export type TableSize = "empty" | "small" | "medium" | "large" | "unknown";

/** Below `small` work on every row ends within a blink; above `large` it takes minutes. */
const limits = {
  small: { rows: 20_000, bytes: 16 * 1024 ** 2 },
  large: { rows: 5_000_000, bytes: 1024 ** 3 },
} as const;

export function sizeOf(facts: RelationFacts | undefined): TableSize {
  if (facts === undefined) return "unknown";
  const { rows, bytes } = facts;
  if (bytes === undefined) return (rows ?? 0) >= limits.large.rows ? "large" : "unknown";
  if (bytes >= limits.large.bytes || (rows ?? 0) >= limits.large.rows) return "large";
  if (bytes >= limits.small.bytes || (rows ?? 0) >= limits.small.rows) return "medium";
  if (bytes === 0 && (rows ?? 0) === 0) return "empty";
  return "small";
}

/** The facts about a name as the plan writes it; without a schema the search path decides. */
export function findRelation(facts: CatalogFacts, schema: string | undefined, name: string): RelationFacts | undefined {
  const named = facts.relations.filter((relation) => relation.name === name);
  if (schema !== undefined) return named.find((relation) => relation.schema === schema);
  return named.find(({ isVisible }) => isVisible);
}

/** What `findOutsideTransaction` asks of the catalog. */
export function partitionFacts(facts: CatalogFacts): OutsideFacts {
  const kinds = new Set(["p", "I"]);
  return { isPartitioned: (schema, name) => kinds.has(findRelation(facts, schema, name)?.kind ?? "") };
}

export function tableLabel({ schema, name }: Pick<Table, "schema" | "name">): string {
  return `${schema}.${name}`;
}

/** What a statement does to the table; nothing worth a word when the plan itself made it. */
export function effectOn(table: Table, lock: LockMode, work: Work = "none"): Effect[] {
  if (table.isNew) return [];
  const isLong = work !== "none" && (table.size === "medium" || table.size === "large");
  return [{ table: tableLabel(table), lock, work, isLong }];
}

/** Severity of work over every row, by the table's size. */
function severityBySize({ size }: Table): Severity {
  switch (size) {
    case "empty":
    case "small":
      return "notice";
    case "medium":
    case "unknown":
      return "warning";
    case "large":
      return "danger";
    default:
      return size satisfies never;
  }
}

/** A hazard on a table; none on one that the plan itself made. */
export function hazardOn(
  table: Table,
  code: HazardCode,
  message: string,
  options: { readonly severity?: Severity; readonly destructive?: boolean } = {},
): Hazard[] {
  if (table.isNew) return [];
  const { severity = severityBySize(table), destructive = false } = options;
  return [{ code, severity, table: tableLabel(table), message: `${message} (${describeSize(table)}).`, destructive }];
}

/** For instance "about 1.2 M rows, 340 MB". */
function describeSize({ facts, size }: Table): string {
  if (facts === undefined) return "its size is not known: the database does not have it";
  if (size === "empty") return "it is empty";
  const rows = facts.rows === undefined ? "rows not counted yet" : `about ${short(facts.rows)} rows`;
  if (facts.bytes === undefined) return `${rows}, its size is not known: somebody has it locked`;
  return facts.bytes === 0 ? rows : `${rows}, ${short(facts.bytes / 1024, ["kB", "MB", "GB", "TB"], 1024)}`;
}

function short(value: number, units: readonly string[] = ["", "k", "M", "G"], step = 1000): string {
  let rest = value;
  let unit = 0;
  while (rest >= step && unit < units.length - 1) {
    rest /= step;
    unit += 1;
  }
  const digits = rest >= 100 || Number.isInteger(rest) ? 0 : 1;
  return `${rest.toFixed(digits)} ${units[unit] ?? ""}`.trim();
}

export function nameOf(relation: RangeVar | undefined): { schema: string | undefined; name: string } {
  return { schema: relation?.schemaname, name: relation?.relname ?? "" };
}
