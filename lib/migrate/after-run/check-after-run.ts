import type { QueryResult } from "pg";
import type { AfterRun, AfterRunFinding } from "#lib/protocol.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { describeHalfDone, type HalfDone, halfDoneQuery } from "./half-done.ts";
import { fingerprintQuery } from "./schema-lines.ts";
import {
  type Behind,
  buildBehindQuery,
  describeBehind,
  describeUnchecked,
  type FedColumn,
  sequencesQuery,
} from "./sequences.ts";
import { asInnerReading, asOneReading } from "./settings.ts";

/**
 * Looks at the schema that a run has left. Reads only, in one round trip, or two where sequences feed columns; any role may
 * ask, and each gets the same fingerprint. Call it outside a transaction.
 *
 * 1. The fingerprint (what counts is said at `linesCtes`), what is half done, which sequences feed which columns.
 * 2. One query over those sequences whose table has rows and whose column an index: without one it would cost a reading of the table.
 *
 * @throws PosternError what `toDatabaseError` makes of a lost connection, or of somebody's lock that outlasts two seconds
 *   (`db.timeout`); the database is as it was
 */
export async function checkAfterRun(client: Queryable): Promise<AfterRun> {
  try {
    const [fingerprints, halfDone, fed] = (await read(client, [fingerprintQuery, halfDoneQuery, sequencesQuery])) as [
      QueryResult<{ fingerprint: string }>,
      QueryResult<HalfDone>,
      QueryResult<FedColumn>,
    ];
    const findings = [...halfDone.rows.map(describeHalfDone), ...(await checkSequences(client, fed.rows))];
    return { fingerprint: fingerprints.rows[0]?.fingerprint ?? "", findings };
  } catch (error) {
    throw toDatabaseError(error, "checking the schema after the run");
  }
}

/**
 * The same fingerprint, as it is inside the caller's transaction, whose settings stay as they are.
 *
 * @throws what the server says: the transaction has failed then
 */
export async function readFingerprint(client: Queryable): Promise<string> {
  const results = (await client.query(asInnerReading(fingerprintQuery))) as unknown as QueryResult<{
    fingerprint?: string;
  }>[];
  const found = results
    .flatMap(({ rows }) => rows.map(({ fingerprint }) => fingerprint))
    .find((one) => one !== undefined);
  if (found === undefined) throw new PosternError("internal", "The query for the fingerprint gave no row.");
  return found;
}

async function checkSequences(client: Queryable, fed: readonly FedColumn[]): Promise<AfterRunFinding[]> {
  const unchecked = fed.map(describeUnchecked);
  // No sequence is behind an empty table, and planning this query takes longer than all the rest of it.
  const columns = fed.filter(({ is_empty: isEmpty }, index) => unchecked[index] === undefined && !isEmpty);
  const skipped = unchecked.filter((finding) => finding !== undefined);
  if (columns.length === 0) return skipped;
  const [behind] = (await read(client, [buildBehindQuery(columns)])) as [QueryResult<Behind>];
  const findings = behind.rows.flatMap((row) => {
    const column = columns[row.place];
    return column === undefined ? [] : [describeBehind(column, row)];
  });
  return [...findings, ...skipped];
}

/** The results of the queries, without those of the settings before them. */
async function read(client: Queryable, queries: readonly string[]): Promise<QueryResult[]> {
  // With several statements in one message node-postgres gives one result each, which its types do not say.
  const results = (await client.query(asOneReading(queries))) as unknown as QueryResult[];
  return results.slice(-queries.length);
}
