import type pg from "pg";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import type { SeedInsert } from "./insert.ts";
import type { SeedTarget } from "./target.ts";

/** Rows that are being inserted, as something to select from: the columns by name, and `postern_place` in their order. */
export type RowsInOrder = {
  readonly sql: string;
  /** Of the statement, from `$2` on. */
  readonly parameters: readonly unknown[];
};

/** Rows that were passed over because a row before them in the file has their key. */
export type RepeatedRows = {
  readonly count: number;
  /** The first of them among the rows asked about, from 0. */
  readonly firstIndex: number;
};

/**
 * Finds rows of one file that ON CONFLICT DO NOTHING passed over because this run had written another row of the file with
 * their key: that row is not in the table, and nobody would know. What was there before the run is passed over as it should
 * be and counts for nothing.
 *
 * The table itself is asked, so that equality is that of its keys (`1` and `01`, citext, a collation) and no key is kept
 * here: a row is this run's when its `xmin` is one of the run's transactions. Only transactions in which rows were passed
 * over are looked at, and a run that has written nothing looks at none.
 *
 * What it does not find: repetitions of rows that an earlier run wrote, of rows that somebody has changed since they were
 * written, on keys of expressions, and where NULLs count as equal; anything at all where the role may not read the table.
 */
export class Repeats {
  readonly #target: SeedTarget;
  readonly #xids: string[] = [];
  readonly #mayRead: boolean;

  constructor(target: SeedTarget, mayRead: boolean) {
    this.#target = target;
    this.#mayRead = mayRead;
  }

  /** A transaction that has written rows, as `xmin` names it. */
  remember(xid: string): void {
    this.#xids.push(xid);
  }

  /**
   * Call it inside the transaction, behind the insert.
   *
   * @param counts of the rows asked about; `inserted`: by this transaction
   */
  async find(
    client: pg.Client,
    insert: SeedInsert,
    rows: RowsInOrder,
    counts: { readonly asked: number; readonly inserted: number },
  ): Promise<RepeatedRows | undefined> {
    const isPossible = counts.asked > counts.inserted && this.#xids.length + counts.inserted > 0;
    if (!isPossible || !this.#mayRead || insert.keys.length === 0) return undefined;
    // Few rows are looked for in what may be a large table, by its unique keys: there is an index for each.
    await client.query("set local enable_hashjoin = off; set local enable_mergejoin = off");
    const found = await client.query<{ count: number; firstIndex: number }>(
      repeatedSql(this.#target, insert, rows.sql),
      [this.#xids, ...rows.parameters],
    );
    const [row] = found.rows;
    return row === undefined || row.count === 0 ? undefined : row;
  }
}

export const currentXidSql = "select pg_current_xact_id()::xid::text as xid";

/** `nth`: of the rows with the key of one row of the table. The first is the one that this transaction has inserted. */
function repeatedSql({ sql: table }: SeedTarget, { keys }: SeedInsert, rows: string): string {
  const matches = keys.map((columns) => {
    const equal = columns.map((name) => `t.${quoteIdentifier(name)} = s.${quoteIdentifier(name)}`).join(" and ");
    return `select s.postern_place as place, t.tableoid as part, t.ctid as at, t.xmin::text as xid from ${rows} as s join ${table} as t on ${equal}`;
  });
  return `
    with matched as (${matches.join(" union ")}),
    ours as (
      select place, xid, row_number() over (partition by part, at order by place) as nth
      from matched
      where xid = any($1::text[]) or xid = pg_current_xact_id()::xid::text
    ),
    repeated as (select distinct place from ours where nth > 1 or xid <> pg_current_xact_id()::xid::text)
    select count(*)::int as count,
           (select count(*)::int from ${rows} as s where s.postern_place < (select min(place) from repeated)) as "firstIndex"
    from repeated`;
}
