import type pg from "pg";
import { type LockMode, lockModes } from "../hazards/hazard.ts";

export type Observation = {
  /** Locks that were not there at the last look, on relations that were there at the first. */
  readonly locks: readonly { readonly table: string; readonly mode: LockMode }[];
  readonly rewritten: readonly string[];
};

type Relation = { readonly name: string; readonly isTable: boolean; node: string };

/**
 * Watches from inside a transaction what it does to the relations that were there when it began: their locks, and
 * whether the file of one is another. Reads the catalogs only.
 */
export class LockObserver {
  readonly #client: pg.Client;
  readonly #relations: Map<number, Relation>;
  readonly #seen = new Set<string>();

  private constructor(client: pg.Client, relations: Map<number, Relation>) {
    this.#client = client;
    this.#relations = relations;
  }

  static async start(client: pg.Client): Promise<LockObserver> {
    const { rows } = await client.query<{ oid: number; name: string; is_table: boolean; node: string }>(
      `select c.oid, n.nspname || '.' || c.relname as name, c.relkind not in ('i', 'I') as is_table,
              coalesce(pg_relation_filenode(c.oid), 0)::text as node
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`,
    );
    return new LockObserver(
      client,
      new Map(rows.map(({ oid, name, is_table: isTable, node }) => [oid, { name, isTable, node }])),
    );
  }

  /** What happened since the last look. */
  async look(): Promise<Observation> {
    const { rows } = await this.#client.query<{ relation: number; mode: string; node: string }>(
      `select relation, mode, coalesce(pg_relation_filenode(relation), 0)::text as node from pg_locks
       where pid = pg_backend_pid() and locktype = 'relation' and granted`,
    );
    const locks: { table: string; mode: LockMode }[] = [];
    const rewritten = new Set<string>();
    for (const { relation: oid, mode: rawMode, node } of rows) {
      const relation = this.#relations.get(oid);
      if (relation === undefined) continue;
      const mode = readLockMode(rawMode);
      const key = `${oid} ${rawMode}`;
      if (mode !== undefined && relation.isTable && !this.#seen.has(key)) locks.push({ table: relation.name, mode });
      this.#seen.add(key);
      // A dropped relation has no file any more, which is no rewrite.
      if (node !== relation.node && node !== "0") rewritten.add(relation.name);
      relation.node = node;
    }
    return { locks: strongestOnly(locks), rewritten: [...rewritten] };
  }
}

/** `AccessExclusiveLock` of pg_locks as the manual writes it. */
function readLockMode(mode: string): LockMode | undefined {
  const words = mode
    .replace(/Lock$/u, "")
    .replaceAll(/(?<=[a-z])(?=[A-Z])/gu, " ")
    .toUpperCase();
  return lockModes.find((known) => known === words);
}

/** A statement that takes several on one table is described by the strongest. */
function strongestOnly(locks: readonly { table: string; mode: LockMode }[]): Observation["locks"] {
  const strongest = new Map<string, LockMode>();
  for (const { table, mode } of locks) {
    const known = strongest.get(table);
    if (known === undefined || lockModes.indexOf(mode) > lockModes.indexOf(known)) strongest.set(table, mode);
  }
  return [...strongest].map(([table, mode]) => ({ table, mode }));
}
