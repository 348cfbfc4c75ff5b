import { join } from "node:path";
import process from "node:process";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { ErrorReply, InspectEvent, ProgressResult, StatusResult } from "#lib/contract.ts";
import { parseInspectEvent } from "#lib/migrate/events.ts";
import { readProgress } from "#lib/migrate/progress.ts";
import { readMigrations } from "#lib/migrate/source.ts";
import { readStatus } from "#lib/migrate/status.ts";
import { createPool, type DatabasePool } from "#lib/postgres/pool.ts";
import { provideAddress, readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";

const bundleDir = import.meta.dirname;
let pool: Promise<DatabasePool> | undefined;

/** Answers at once while a run is on: where it stands, and what is applied. Reads only. */
export async function handler(event: unknown): Promise<StatusResult | ProgressResult | ErrorReply> {
  try {
    return await inspect(parseInspectEvent(event));
  } catch (error) {
    return { error: toPosternError(error).toDocument() };
  }
}

async function inspect(event: InspectEvent): Promise<StatusResult | ProgressResult> {
  const opened = await (pool ??= open());
  switch (event.action) {
    case "status": {
      const folder = await readMigrations(join(bundleDir, "migrations"));
      return await opened.use((client) => readStatus(client, folder));
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
