import { systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { rdsRegionOf } from "#lib/postgres/rds-host.ts";
import { readCaFile } from "#lib/postgres/tls.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { TargetDestination } from "../tunnel/destination.ts";
import type { TransportFlags } from "../tunnel/transport-options.ts";
import type { Observer } from "./observer.ts";

/**
 * The walk through any bastion to any database: nothing is known of its roles, so that without PGUSER it goes as far as the
 * certificate.
 *
 * @param caFile of --ca; default: RDS's CAs, where the name is one of RDS's, else Node's roots
 */
export async function examineTarget(
  destination: TargetDestination,
  flags: TransportFlags,
  caFile: string | undefined,
  { signal, env }: CommandContext,
  { onStep, onSecret }: Observer,
): Promise<DoctorReport> {
  const [{ examineThrough }, { makeTransport }] = await Promise.all([
    import("#lib/doctor/through-transport.ts"),
    import("../tunnel/make-transport.ts"),
  ]);
  const ca = caFile === undefined ? await findAuthorities(destination.database.host) : await readCaFile(caFile);
  const { PGUSER: user = "", PGPASSWORD: password, PGDATABASE: database } = env;
  if (password !== undefined) onSecret(password);
  const address: DatabaseAddress = {
    ...destination.database,
    database: database ?? user,
    user: user === "" ? "nobody" : user,
    ...(password === undefined ? {} : { password }),
    sslMode: "verify-full",
    ...(ca === undefined ? {} : { ca }),
  };
  return await examineThrough({
    transport: await makeTransport(destination, flags, env),
    // oxlint-disable-next-line typescript/require-await -- the login of a stage has to be read
    readAddress: async () => address,
    ...(user === "" ? { until: "certificate" as const } : {}),
    signal,
    onStep: (step) => onStep("here", step),
  });
}

async function findAuthorities(host: string): Promise<readonly string[] | undefined> {
  const region = rdsRegionOf(host);
  if (region === undefined) return undefined;
  const { findRdsAuthorities } = await import("#lib/postgres/rds-authorities.ts");
  return await findRdsAuthorities(region, systemClock.wallTime());
}
