import { randomUUID } from "node:crypto";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import { recordedSeed } from "#lib/migrate/seed/recorded-seed.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";

/** As the command line does it. A file of its own: the process whose memory is measured loads nothing of the peers. */
export async function seedWithPostern(
  address: DatabaseAddress,
  source: { readonly seedsDir: string; readonly set: string },
): Promise<void> {
  const runId = randomUUID();
  await using connections = await connectForRun(runId, async (wanted) => connect(address, wanted));
  await recordedSeed(connections, { ...source, runId, requestedBy: "bench" });
}
