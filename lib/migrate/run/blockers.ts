import type { Blocker } from "#lib/protocol.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { mayHoldPassword, notShown } from "../sql/passwords.ts";
import { withoutLiterals } from "../sql/without-literals.ts";

const maxQueryCharacters = 200;

/**
 * Who keeps a backend waiting for a lock, directly or ahead of it in the queue. Queries of other roles are there for
 * members of pg_read_all_stats, which the migrator is.
 */
export async function findBlockers(client: Queryable, pid: number): Promise<Blocker[]> {
  const { rows } = await client.query<BlockerRow>(
    `select a.pid, a.application_name, a.state, a.query,
            round(extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as transaction_ms
     from unnest(pg_blocking_pids($1)) as b (pid) join pg_stat_activity a using (pid) order by a.xact_start`,
    [pid],
  );
  return rows.map(toBlocker);
}

type BlockerRow = {
  readonly pid: number;
  readonly application_name: string | null;
  readonly state: string | null;
  readonly transaction_ms: number | null;
  readonly query: string | null;
};

/** What stands in the place of a query that this role may not see. */
const hidden = "<insufficient privilege>";

function toBlocker({ pid, application_name: name, state, transaction_ms: transactionMs, query }: BlockerRow): Blocker {
  return {
    pid,
    ...(name === null || name === "" ? {} : { applicationName: name }),
    ...(state === null ? {} : { state }),
    ...(transactionMs === null ? {} : { transactionMs }),
    ...(query === null || query === "" || query === hidden ? {} : { query: shorten(query) }),
  };
}

/** `backend 4711 ("reports"), in a transaction for 312 s: select …`, one after the other. */
export function describeBlockers(blockers: readonly Blocker[]): string {
  return blockers
    .map(({ pid, applicationName, state, transactionMs, query }) => {
      const name = applicationName === undefined ? "" : ` ("${applicationName}")`;
      const since = transactionMs === undefined ? "" : `, in a transaction for ${Math.round(transactionMs / 1000)} s`;
      const doing = query === undefined ? "" : `${state === "active" ? "" : ", last"}: ${query}`;
      return `backend ${pid}${name}${since}${doing}`;
    })
    .join("; ");
}

/** Without values: progress and errors are read by roles that may see neither the rows nor others' queries. */
function shorten(query: string): string {
  if (mayHoldPassword(query)) return notShown;
  return withoutLiterals(query).replaceAll(/\s+/gu, " ").trim().slice(0, maxQueryCharacters);
}
