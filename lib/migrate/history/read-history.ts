import type { QueryResult } from "pg";
import { sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";
import {
  allStepsQuery,
  byTag,
  readAllStepsAtOnce,
  type RecordedStep,
  type TaggedStep,
} from "../apply/steps/recorded-steps.ts";
import type { MigrationFolder } from "../folder/source.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { type DrizzleLayout, everyRowQuery, type Row, toAppliedRow } from "./drizzle-table.ts";
import { type AppliedRow, compareHistory, type History, withHalfApplied } from "./history.ts";

export type ReadHistory = {
  readonly history: History;
  /** What drizzle's table has. */
  readonly applied: readonly AppliedRow[];
  readonly layout: Pick<DrizzleLayout, "hasName">;
  /** What has run of half-applied migrations, by tag. */
  readonly begun: ReadonlyMap<string, readonly RecordedStep[]>;
};

/**
 * Compares a folder with the database, in one round trip where there is something to compare with. Outside a transaction only:
 * where a table is not there the query fails.
 */
export async function readHistory(client: Queryable, folder: MigrationFolder): Promise<ReadHistory> {
  try {
    const { rows, begun } = (await readTogether(client)) ?? (await readOneByOne(client));
    const applied = rows.rows.map(toAppliedRow);
    const history = withHalfApplied(compareHistory(folder, applied), new Set(begun.keys()));
    return { history, applied, layout: { hasName: rows.fields.some(({ name }) => name === "name") }, begun };
  } catch (error) {
    throw toDatabaseError(error, "reading the migration history");
  }
}

type Read = Pick<ReadHistory, "begun"> & { readonly rows: Pick<QueryResult<Row>, "rows" | "fields"> };

/** undefined_table, invalid_schema_name */
const missing: ReadonlySet<string> = new Set(["42P01", "3F000"]);
const insufficientPrivilege = "42501";

/** Undefined where one of both cannot be read. */
async function readTogether(client: Queryable): Promise<Read | undefined> {
  try {
    // With several statements in one message node-postgres gives one result each, which its types do not say.
    const results = (await client.query(`${everyRowQuery}; ${allStepsQuery}`)) as unknown;
    const [rows, steps] = results as [QueryResult<Row>, QueryResult<TaggedStep>];
    return { rows, begun: byTag(steps.rows) };
  } catch (error) {
    const state = sqlStateOf(error) ?? "";
    if (missing.has(state) || state === insufficientPrivilege) return undefined;
    throw error;
  }
}

async function readOneByOne(client: Queryable): Promise<Read> {
  const rows = await client.query<Row>(everyRowQuery).catch((error: unknown) => {
    if (missing.has(sqlStateOf(error) ?? "")) return { rows: [], fields: [] };
    throw error;
  });
  return { rows, begun: await readAllStepsAtOnce(client) };
}
