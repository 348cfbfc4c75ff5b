import { join } from "node:path";
import process from "node:process";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { ErrorReply, InspectEvent, PlanResult, ProgressResult, StatusResult } from "#lib/contract.ts";
import { parseInspectEvent } from "#lib/migrate/events.ts";
import { planMigrations } from "#lib/migrate/plan.ts";
import { readProgress } from "#lib/migrate/progress.ts";
import { readMigrations } from "#lib/migrate/source.ts";
import { readStatus } from "#lib/migrate/status.ts";
import { createPool, type DatabasePool } from "#lib/postgres/pool.ts";
import { provideAddress, readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";

const bundleDir = import.meta.dirname;
let pool: Promise<DatabasePool> | undefined;

type InspectResult = StatusResult | PlanResult | ProgressResult;

/** Answers at once while a run is on: where it stands, what is applied and what would be. Reads only. */
export async function handler(event: unknown): Promise<InspectResult | ErrorReply> {
  try {
    return await inspect(parseInspectEvent(event));
  } catch (error) {
    return { error: toPosternError(error).toDocument() };
  }
}

async function inspect(event: InspectEvent): Promise<InspectResult> {
  const opened = await (pool ??= open());
  switch (event.action) {
    case "status": {
      const folder = await readMigrations(join(bundleDir, "migrations"));
      return await opened.use((client) => readStatus(client, folder));
    }
    case "plan": {
      const folder = await readMigrations(join(bundleDir, "migrations"));
      return await opened.use((client) => planMigrations(client, folder));
    }
    case "progress":
      return await opened.use((client) => readProgress(client, event.runId));
    default:
      throw new PosternError("internal", `Unknown action ${JSON.stringify(event satisfies never)}.`);
  }
}

/** Kept between events: a run is watched by polling. A failure is not kept. */
async function open(): Promise<DatabasePool> {
  try {
    const environment = await readFunctionEnvironment(process.env, bundleDir);
    const provide = provideAddress(environment, "migrator", createSecretReader());
    return createPool(provide, { applicationName: `${environment.app} inspect`, statementTimeoutMs: 30_000 });
  } catch (error) {
    pool = undefined;
    throw error;
  }
}
