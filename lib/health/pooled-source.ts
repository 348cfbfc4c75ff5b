import type { DatabasePool } from "#lib/postgres/pool.ts";
import type { HealthSource } from "./check.ts";

/** Checks over a pool's connections, which stay open between checks. */
export function pooledSource(pool: DatabasePool): HealthSource {
  return {
    connection: "direct",
    lend: (use, signal) => pool.use((client) => use({ client, tlsVersion: client.tlsVersion }), { signal }),
    readPool: () => pool.figures(),
  };
}
