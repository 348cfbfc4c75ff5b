import type { Node, RangeVar } from "libpg-query";
import type { CatalogFacts, ForeignKeyFacts } from "./facts.ts";
import { findRelation, nameOf, sizeOf, type Table, tableLabel } from "./table.ts";

const temporary = "pg_temp";

/**
 * The database as the next statement of the plan meets it: the catalog, and what the plan's earlier statements made of
 * it. Statements are looked at in order; each changes the scene for those that follow. In doubt a table is the one that
 * is there already: taking it for new would hide what happens to its rows.
 */
export class Scene {
  readonly facts: CatalogFacts;
  readonly #newTables = new Set<string>();
  readonly #newColumns = new Set<string>();
  /** Labels of the catalog that the plan dropped or gave another name. */
  readonly #gone = new Set<string>();
  /** Label after a rename in this plan → label in the catalog. */
  readonly #renamed = new Map<string, { readonly schema: string; readonly name: string }>();
  /** CHECK (column IS NOT NULL) that the plan adds, by table and constraint. */
  readonly #notNullChecks = new Map<string, { readonly column: string; isValid: boolean }>();

  constructor(facts: CatalogFacts) {
    this.facts = facts;
  }

  table(relation: RangeVar | undefined): Table {
    const { schema, name } = nameOf(relation);
    return this.tableNamed(schema, name);
  }

  tableNamed(schema: string | undefined, name: string): Table {
    if (schema === undefined && this.#newTables.has(tableLabel({ schema: temporary, name }))) {
      return { schema: temporary, name, isNew: true, facts: undefined, size: "empty" };
    }
    const renamed = this.#renamed.get(tableLabel({ schema: schema ?? this.facts.currentSchema, name }));
    const known = findRelation(this.facts, renamed?.schema ?? schema, renamed?.name ?? name);
    const place = renamed === undefined ? known?.schema : undefined;
    const home = schema ?? place ?? this.facts.currentSchema;
    const isNew = this.#newTables.has(tableLabel({ schema: home, name }));
    const facts = isNew ? undefined : known;
    return { schema: home, name, isNew, facts, size: isNew ? "empty" : sizeOf(facts) };
  }

  /** The table that an index belongs to; undefined when the catalog does not have the index. */
  tableOfIndex(schema: string | undefined, name: string): Table | undefined {
    const index = findRelation(this.facts, schema, name)?.indexOf;
    return index === undefined ? undefined : this.tableNamed(index.schema, index.name);
  }

  /** Tables that the table's foreign keys refer to: dropping such a key takes its triggers off them, under a lock. */
  referencedBy(table: Table, isDropped: (key: ForeignKeyFacts) => boolean = () => true): Table[] {
    const keys = (table.facts?.foreignKeys ?? []).filter((key) => isDropped(key));
    return keys.map((key) => this.tableNamed(key.schema, key.table));
  }

  isNewColumn(table: Table, column: string): boolean {
    return table.isNew || this.#newColumns.has(`${tableLabel(table)}\0${column}`);
  }

  /** True when a scan could find nothing: the column is NOT NULL already, or a valid CHECK says so. */
  isProvenNotNull(table: Table, column: string): boolean {
    const label = tableLabel(table);
    const planned = [...this.#notNullChecks].some(
      ([key, check]) => key.startsWith(`${label}\0`) && check.column === column && check.isValid,
    );
    if (planned) return true;
    const { columns = [], notNullChecks = [] } = table.facts ?? {};
    const isDeclared = columns.some(({ name, notNull }) => name === column && notNull);
    return isDeclared || notNullChecks.some((check) => check.column === column && check.isValid);
  }

  /**
   * A name that is taken is not made anew: IF NOT EXISTS leaves it alone, and anything else makes it somewhere else
   * (`set search_path`) or fails. A temporary table hides another of its name.
   */
  addTable(relation: RangeVar | undefined): void {
    const { schema, name } = nameOf(relation);
    const home = relation?.relpersistence === "t" ? temporary : (schema ?? this.facts.currentSchema);
    const label = tableLabel({ schema: home, name });
    const isInCatalog = findRelation(this.facts, home, name) !== undefined && !this.#gone.has(label);
    if (!isInCatalog && !this.#renamed.has(label)) this.#newTables.add(label);
  }

  dropTable(table: Table): void {
    this.#forget(table);
  }

  rename(table: Table, to: { readonly schema?: string; readonly name?: string }): void {
    const target = { schema: to.schema ?? table.schema, name: to.name ?? table.name };
    this.#forget(table);
    this.#forgetColumns(target);
    if (table.isNew) this.#newTables.add(tableLabel(target));
    else if (table.facts !== undefined) this.#renamed.set(tableLabel(target), table.facts);
  }

  addColumn(table: Table, column: string): void {
    this.#newColumns.add(`${tableLabel(table)}\0${column}`);
  }

  dropColumn(table: Table, column: string): void {
    this.#newColumns.delete(`${tableLabel(table)}\0${column}`);
  }

  renameColumn(table: Table, from: string, to: string): void {
    const isNew = this.isNewColumn(table, from);
    this.dropColumn(table, from);
    if (isNew) this.addColumn(table, to);
    else this.dropColumn(table, to);
  }

  /**
   * A migration is over, or this part of it was done in an earlier run: temporary tables may have ended with the transaction or the
   * session, and the name is the other table's again.
   */
  endSession(): void {
    for (const label of this.#newTables) if (label.startsWith(`${temporary}.`)) this.#newTables.delete(label);
  }

  addCheck(table: Table, constraint: string, expression: Node | undefined, isValid: boolean): void {
    const column = columnSaidNotNull(expression);
    if (column !== undefined) this.#notNullChecks.set(`${tableLabel(table)}\0${constraint}`, { column, isValid });
  }

  validate(table: Table, constraint: string): void {
    const key = `${tableLabel(table)}\0${constraint}`;
    const known = table.facts?.notNullChecks.find(({ name }) => name === constraint);
    const check = this.#notNullChecks.get(key) ?? (known === undefined ? undefined : { column: known.column });
    if (check !== undefined) this.#notNullChecks.set(key, { column: check.column, isValid: true });
  }

  #forget(table: Table): void {
    const label = tableLabel(table);
    this.#newTables.delete(label);
    this.#renamed.delete(label);
    this.#gone.add(label);
    this.#forgetColumns(table);
  }

  #forgetColumns(table: Pick<Table, "schema" | "name">): void {
    const prefix = `${tableLabel(table)}\0`;
    for (const key of this.#newColumns) if (key.startsWith(prefix)) this.#newColumns.delete(key);
    for (const key of this.#notNullChecks.keys()) if (key.startsWith(prefix)) this.#notNullChecks.delete(key);
  }
}

function columnSaidNotNull(expression: Node | undefined): string | undefined {
  if (expression === undefined || !("NullTest" in expression)) return undefined;
  const { nulltesttype, arg } = expression.NullTest;
  if (nulltesttype !== "IS_NOT_NULL" || arg === undefined || !("ColumnRef" in arg)) return undefined;
  const last = arg.ColumnRef.fields?.at(-1);
  return last !== undefined && "String" in last ? last.String.sval : undefined;
}
