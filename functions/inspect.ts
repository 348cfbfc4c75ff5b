import { join } from "node:path";
import process from "node:process";
import { toPosternError } from "#lib/base/errors.ts";
import type { ErrorReply } from "#lib/protocol.ts";
import { parseInspectEvent } from "#lib/migrate/events.ts";
import { handleInspectEvent, type InspectPorts, type InspectResult } from "#lib/migrate/inspect.ts";
import { createPool } from "#lib/postgres/pool.ts";
import { provideAddress, readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";

const bundleDir = import.meta.dirname;
let ports: Promise<InspectPorts> | undefined;

/** Answers while a run is on; see `lib/migrate/inspect.ts`. */
export async function handler(event: unknown): Promise<InspectResult | ErrorReply> {
  try {
    const known = parseInspectEvent(event);
    return await handleInspectEvent(known, await (ports ??= open()));
  } catch (error) {
    return { error: toPosternError(error).toDocument() };
  }
}

/** Kept between events: a run is watched by polling. A failure is not kept. */
async function open(): Promise<InspectPorts> {
  try {
    const environment = await readFunctionEnvironment(process.env, bundleDir);
    const provide = provideAddress(environment, "migrator", createSecretReader());
    const pool = createPool(provide, { applicationName: `${environment.app} inspect` });
    return { pool, migrationsDir: join(bundleDir, "migrations") };
  } catch (error) {
    ports = undefined;
    throw error;
  }
}
