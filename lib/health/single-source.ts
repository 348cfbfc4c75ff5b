import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { HealthSource } from "./check.ts";

/** Checks over a connection of its own each time: for a command that looks once. */
export function singleSource(address: DatabaseAddress): HealthSource {
  return {
    connection: address.servername === undefined ? "direct" : "tunnel",
    lend: async (use, signal) => {
      const options = { applicationName: "postern health", connectTimeoutMs: 2000, retry: false, signal } as const;
      await using connection = await connect(address, options);
      return await use(connection);
    },
  };
}
