import { connectForRun, type RunConnections } from "#lib/migrate/run/run-connections.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";

/** The connections of a run, as the command line opens them. */
export async function openRun(address: DatabaseAddress, runId: string): Promise<RunConnections & AsyncDisposable> {
  return await connectForRun(runId, async (options) => connect(address, options));
}
