import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { createPool, type DatabasePool, type PoolOptions } from "#lib/postgres/pool.ts";
import { reachable } from "./port/reachable.ts";
import type { Tunnel } from "./tunnel.ts";

export type TunnelPoolOptions = Omit<PoolOptions, "runsOnce"> & {
  /** The database's own name, which its certificate is checked against; the socket goes to the tunnel. */
  readonly host: string;
  readonly database: string;
  readonly user: string;
  /** A function is asked when the first connection is opened, and again when the server refused what it gave. */
  readonly password: string | (() => Promise<string>);
  /** Default `verify-full`. */
  readonly sslMode?: DatabaseAddress["sslMode"];
  /** PEM certificates of the CAs to trust. Default: Node's roots. */
  readonly ca?: readonly string[];
};

/** Longer than a client is held while there is no link, so that the tunnel's word comes first. */
const connectTimeoutMs = 20_000;

const defaults = Object.freeze({ maxConnections: 10, connectTimeoutMs });

/**
 * A bounded pool of connections through the tunnel, for a program that works with the database. It outlives links: the
 * connections of one that was lost leave the pool, the next `use` opens others, and while there is no link waits as any
 * client does. `work` runs once at most, connecting is tried twice. Nothing is opened before the first use.
 *
 * @throws PosternError from `use` and `query`; while the tunnel is not up, with the tunnel's reason
 */
export function createTunnelPool(
  tunnel: Pick<Tunnel, "host" | "port" | "status">,
  options: TunnelPoolOptions,
): DatabasePool {
  const { host, database, user, password, sslMode = "verify-full", ca, ...rest } = options;
  const pool = createPool(
    async () => ({
      host: reachable(tunnel.host),
      port: tunnel.port,
      servername: host,
      database,
      user,
      password: typeof password === "string" ? password : await password(),
      sslMode,
      ...(ca === undefined ? {} : { ca }),
    }),
    { ...defaults, ...rest, runsOnce: true },
  );
  const use: DatabasePool["use"] = async (work, how) => {
    try {
      return await pool.use(work, how);
    } catch (error) {
      throw blameTunnel(error, tunnel);
    }
  };
  return { ...pool, use, query: async (text, values) => await use(async (client) => await client.query(text, values)) };
}

/** What fails between here and the local port does so because of the way behind it, which the tunnel knows more about. */
function blameTunnel(error: unknown, tunnel: Pick<Tunnel, "status">): unknown {
  const { state, reason } = tunnel.status();
  if (state === "up" || reason === undefined) return error;
  if (!(error instanceof PosternError) || !/^(?:endpoint|tcp)\./u.test(error.code)) return error;
  return new PosternError(reason.code, `The tunnel has no way to the database (${state}): ${reason.message}`, {
    cause: error,
    hint: reason.hint,
  });
}
