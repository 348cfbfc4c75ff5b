import { join } from "node:path";
import process from "node:process";
import { toPosternError } from "#lib/base/errors.ts";
import type { SecretOwner } from "#lib/contract.ts";
import type { ErrorReply, InsideReport } from "#lib/protocol.ts";
import { examineBothFromInside } from "#lib/doctor/inside.ts";
import { parseInspectEvent } from "#lib/migrate/events.ts";
import { handleInspectEvent, type InspectPorts, type InspectResult } from "#lib/migrate/inspect.ts";
import { createPool } from "#lib/postgres/pool.ts";
import { provideAddress, readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";

const bundleDir = import.meta.dirname;
/** Within what the function itself may take. */
const probeMs = 20_000;
let ports: Promise<InspectPorts> | undefined;

/** Answers while a run is on; see `lib/migrate/inspect.ts`. Probes are the doctor's, and use nothing that is kept. */
export async function handler(event: unknown): Promise<InspectResult | InsideReport | ErrorReply> {
  try {
    const known = parseInspectEvent(event);
    if (known.action === "probe") return await probe();
    return await handleInspectEvent(known, await (ports ??= open()));
  } catch (error) {
    return { error: toPosternError(error).toDocument() };
  }
}

async function probe(): Promise<InsideReport> {
  const environment = await readFunctionEnvironment(process.env, bundleDir);
  const { database, proxy, ca } = environment;
  const walk = (at: { readonly host: string; readonly port: number }, owner: SecretOwner) => ({
    place: { ...at, database: database.name, sslMode: "verify-full", ...(ca === undefined ? {} : { ca }) } as const,
    login: async () => provideAddress(environment, owner, createSecretReader())({ refresh: true }),
  });
  return await examineBothFromInside({
    database: walk({ host: database.host, port: database.port }, "migrator"),
    // The proxy knows the logins of the services that go through it.
    ...(proxy === undefined ? {} : { proxy: walk(proxy, "health") }),
    signal: AbortSignal.timeout(probeMs),
  });
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
