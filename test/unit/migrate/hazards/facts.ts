import type { CatalogFacts, ColumnFacts, RelationFacts } from "#lib/migrate/hazards/facts.ts";

/** A catalog with these tables in schema public. */
export function catalog(...relations: readonly RelationFacts[]): CatalogFacts {
  return {
    currentSchema: "public",
    relations,
    volatileFunctions: new Set(["random", "gen_random_uuid", "nextval"]),
    trustedFunctions: new Set(["random", "gen_random_uuid", "nextval", "now", "count", "lo_unlink"]),
  };
}

const sizes = {
  empty: { rows: 0, bytes: 0 },
  small: { rows: 1000, bytes: 100_000 },
  medium: { rows: 400_000, bytes: 50 * 1024 ** 2 },
  large: { rows: 20_000_000, bytes: 3 * 1024 ** 3 },
  uncounted: { rows: undefined, bytes: 2 * 1024 ** 3 },
} as const;

export function table(name: string, size: keyof typeof sizes, more: Partial<RelationFacts> = {}): RelationFacts {
  return {
    schema: "public",
    name,
    isVisible: true,
    kind: "r",
    columns: [column("id", "int8", true), column("a", "int4"), column("b", "text")],
    notNullChecks: [],
    foreignKeys: [],
    ...sizes[size],
    ...more,
  };
}

function column(name: string, type: string, notNull = false): ColumnFacts {
  return { name, type, typmod: -1, notNull };
}
