/** What the thread that runs drizzle-kit and the thread that has the connection tell each other. Plain data. */
export type KitRequest =
  | { readonly type: "describe" }
  | { readonly type: "plan"; readonly schemas: readonly string[] }
  | { readonly type: "rows"; readonly rows: readonly QueryRow[] };

export type KitReply =
  | { readonly type: "described"; readonly schema: SchemaDescription }
  | { readonly type: "query"; readonly sql: string }
  | { readonly type: "planned"; readonly statements: readonly string[] }
  /** drizzle-kit wants to ask somebody something. */
  | { readonly type: "question" }
  | { readonly type: "failed"; readonly while: "loading" | "planning"; readonly message: string };

export type QueryRow = Readonly<Record<string, unknown>>;

/** What a schema file says the database has. Names are `schema.name`. */
export type SchemaDescription = {
  /** Columns by table. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  readonly views: readonly string[];
  readonly enums: readonly string[];
  readonly sequences: readonly string[];
  /** Schemas that any of these is in, and those that the file declares. */
  readonly schemas: readonly string[];
  /** Policies with a condition, as `schema.table.policy`. */
  readonly conditionalPolicies: readonly string[];
  /** CHECK constraints and generated columns with the expression in the file, in which a column is written `"table"."column"`. */
  readonly expressions: readonly Expression[];
  /** Columns that have no name of their own and would be called something else under `casing`. */
  readonly namedByKey: readonly string[];
  /** SHA-256 (hex) over all that drizzle-kit reads from it: comments, order and layout do not count. */
  readonly hash: string;
};

export type Expression = {
  readonly kind: "check" | "generated";
  readonly schema: string;
  readonly table: string;
  /** Of the constraint, or of the column. */
  readonly name: string;
  readonly sql: string;
};
