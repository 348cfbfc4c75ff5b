import type { InspectEvent, PlanResult, ProgressResult, StatusResult } from "#lib/protocol.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabasePool } from "#lib/postgres/pool.ts";
import type { Queryable } from "./ledger/ledger.ts";
import { planMigrations } from "./plan/plan.ts";
import { cancelRun, readProgress } from "./ledger/progress.ts";
import { readMigrations } from "./folder/source.ts";
import { readStatus } from "./status.ts";

export type InspectPorts = { readonly pool: Pick<DatabasePool, "use">; readonly migrationsDir: string };

/**
 * Whoever watches a run asks again and again: a server that does not answer must be told of soon, not when the function's
 * own time is over.
 */
const answerMs = 5000;

/** A plan looks at the whole catalog. */
const planMs = 30_000;

export type InspectResult = StatusResult | PlanResult | ProgressResult;

/** Probes are the doctor's. */
export type MigrationsEvent = Exclude<InspectEvent, { readonly action: "probe" }>;

/**
 * Answers while a run is on: where it stands, what is applied and what would be. It logs in as the migrator and reads only, but
 * for the mark that cancels a run.
 */
export async function handleInspectEvent(
  event: MigrationsEvent,
  { pool, migrationsDir }: InspectPorts,
): Promise<InspectResult> {
  switch (event.action) {
    case "status": {
      const folder = await readMigrations(migrationsDir);
      return await read(pool, async (client) => readStatus(client, folder));
    }
    case "plan": {
      const folder = await readMigrations(migrationsDir);
      return await read(pool, async (client) => planMigrations(client, folder), planMs);
    }
    case "progress":
      return await read(pool, async (client) => readProgress(client, event.runId));
    case "cancel":
      return await inTime(pool, async (client) => cancelRun(client, event), answerMs);
    default:
      throw new PosternError("internal", `Unknown action ${JSON.stringify(event satisfies never)}.`);
  }
}

async function read<Result>(
  pool: InspectPorts["pool"],
  work: (client: Queryable) => Promise<Result>,
  limitMs: number = answerMs,
): Promise<Result> {
  const readOnly = async (client: Queryable) => {
    await client.query("begin read only");
    const result = await work(client);
    await client.query("commit");
    return result;
  };
  return await inTime(pool, readOnly, limitMs);
}

async function inTime<Result>(
  pool: InspectPorts["pool"],
  work: (client: Queryable) => Promise<Result>,
  limitMs: number,
): Promise<Result> {
  const signal = AbortSignal.timeout(limitMs);
  try {
    return await pool.use(work, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    const message = `The database did not answer within ${limitMs / 1000} s.`;
    throw new PosternError("endpoint.silent", message, { cause: error });
  }
}
