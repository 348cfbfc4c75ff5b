/** What the catalog says of a relation that a plan names. */
export type RelationFacts = {
  readonly schema: string;
  readonly name: string;
  /** Found without a schema, by the search path of the connection that read it. */
  readonly isVisible: boolean;
  /** `pg_class.relkind`: `r` table, `p` partitioned table, `i` and `I` index, `v` view, `m` materialized view… */
  readonly kind: string;
  /** The planner's estimate or the live rows counted since, whichever is more; undefined: never analyzed. */
  readonly rows: number | undefined;
  /** Of the table itself, with all its partitions; undefined: never analyzed, and locked by somebody. */
  readonly bytes: number | undefined;
  readonly columns: readonly ColumnFacts[];
  /** CHECK constraints that say `column IS NOT NULL`. */
  readonly notNullChecks: readonly NotNullCheck[];
  readonly foreignKeys: readonly ForeignKeyFacts[];
  /** Of an index: its table. */
  readonly indexOf?: { readonly schema: string; readonly name: string } | undefined;
};

export type ColumnFacts = {
  readonly name: string;
  /** `pg_type.typname`: `int4`, `varchar`, `timestamptz`. */
  readonly type: string;
  /** `pg_attribute.atttypmod`; -1: none. */
  readonly typmod: number;
  readonly notNull: boolean;
};

export type NotNullCheck = { readonly name: string; readonly column: string; readonly isValid: boolean };

/** A foreign key of the relation, and the table that it refers to. */
export type ForeignKeyFacts = {
  readonly name: string;
  readonly columns: readonly string[];
  readonly schema: string;
  readonly table: string;
};

export type CatalogFacts = {
  /** Where a name without a schema is created. */
  readonly currentSchema: string;
  readonly relations: readonly RelationFacts[];
  /** Names of the volatile functions among those that the plan calls. */
  readonly volatileFunctions: ReadonlySet<string>;
  /** Names of those that change no rows whoever's they are: PostgreSQL's own, those of pgcrypto and uuid-ossp, and others that are not volatile. */
  readonly trustedFunctions: ReadonlySet<string>;
};
