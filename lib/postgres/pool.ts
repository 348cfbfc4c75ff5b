import { Pool, type PoolClient, type QueryResult, type QueryResultRow } from "pg";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "./address.ts";
import { AddressedClient, type ClientOptions } from "./client.ts";
import { isRetryable, toDatabaseError } from "./errors.ts";

/**
 * Gives the address with the password of the moment. With `refresh` it must ask where the password is kept and not
 * answer from memory: the server has just refused what it gave before.
 */
export type AddressProvider = (request: { readonly refresh: boolean }) => Promise<DatabaseAddress>;

export type PoolOptions = Omit<ClientOptions, "signal"> & {
  /** Connections at most. Default 2: a Lambda serves one request at a time. */
  readonly maxConnections?: number;
  /** An unused connection is closed after this. Default 60 s. */
  readonly idleTimeoutMs?: number;
  /**
   * `work` may write: once begun, it is not run again, whatever happens. Connecting alone is tried a second time where the
   * failure may pass. Default false: `work` only reads.
   */
  readonly runsOnce?: boolean;
};

type PooledClient = Pick<AddressedClient, "query" | "tlsVersion">;

type PoolFigures = { readonly total: number; readonly idle: number; readonly waiting: number };

export type DatabasePool = AsyncDisposable & {
  /**
   * Lends a connection to `work`, which may run twice and therefore only reads, unless it `runsOnce`. An abort closes that connection.
   *
   * @throws PosternError
   */
  use<T>(work: (client: PooledClient) => Promise<T>, options?: { readonly signal?: AbortSignal }): Promise<T>;
  /** One statement, as `use` runs it. */
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<Row>>;
  figures(): PoolFigures;
  close(): Promise<void>;
};

const defaults = Object.freeze({ maxConnections: 2, idleTimeoutMs: 60_000 });

/**
 * A small pool for a function that answers often and reads little. Nothing is opened before the first use.
 *
 * - When the password is refused (28P01), the provider is asked for a fresh address and the work is tried once more: a
 *   rotated secret is picked up without a restart.
 * - When a connection that was used before turns out to be dead (a Lambda thaws with connections that the server closed
 *   long ago), the work runs again on another.
 */
export function createPool(provide: AddressProvider, options: PoolOptions): DatabasePool {
  const used = new WeakSet<AddressedClient>();
  const retired: Promise<void>[] = [];
  let current: Promise<Pool> | undefined;
  let newest: Pool | undefined;

  const open = (refresh: boolean): Promise<Pool> => {
    const opening = provide({ refresh }).then((address) => (newest = poolFor(address, options)));
    // A provider that failed is asked again by the next use.
    opening.catch(() => {
      if (current === opening) current = undefined;
    });
    current = opening;
    return opening;
  };

  const use: DatabasePool["use"] = async (work, { signal } = {}) => {
    let hasRefreshed = false;
    let hasReconnected = false;
    for (;;) {
      const opening = current ?? open(false);
      const pool = await opening;
      let wasLent = false;
      let wasUsed = false;
      try {
        const client = await borrow(pool, signal);
        wasLent = true;
        wasUsed = used.has(client);
        used.add(client);
        return await lend(client, work, signal);
      } catch (error) {
        if (signal?.aborted === true) throw new PosternError("aborted", "The query was stopped.", { cause: error });
        const failure = toDatabaseError(error, "querying the database");
        if (options.runsOnce === true) {
          if (wasLent) throw failure;
          if (!hasReconnected && isRetryable(failure)) {
            hasReconnected = true;
            continue;
          }
        }
        if (wasUsed && isRetryable(failure)) continue;
        // Another caller has replaced the pool meanwhile, and its address is the fresher one.
        if (current !== undefined && current !== opening) continue;
        if (failure.sqlState !== "28P01" || hasRefreshed) throw failure;
      }
      hasRefreshed = true;
      void open(true);
      retired.push(pool.end());
    }
  };

  const close = async (): Promise<void> => {
    const last = await current?.catch(() => undefined);
    current = undefined;
    await Promise.all([...retired.splice(0), last?.end()]);
  };

  return {
    use,
    query: async <Row extends QueryResultRow>(text: string, values?: unknown[]) =>
      await use(async (client) => await client.query<Row>(text, values)),
    figures: () => ({
      total: newest?.totalCount ?? 0,
      idle: newest?.idleCount ?? 0,
      waiting: newest?.waitingCount ?? 0,
    }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function poolFor(address: DatabaseAddress, options: PoolOptions): Pool {
  const pool = new Pool({
    max: options.maxConnections ?? defaults.maxConnections,
    idleTimeoutMillis: options.idleTimeoutMs ?? defaults.idleTimeoutMs,
    // An idle connection alone keeps no process alive.
    allowExitOnIdle: true,
    Client: class extends AddressedClient {
      constructor() {
        super(address, options);
      }
    },
  });
  // An idle connection that dies leaves the pool by itself; without a listener it would end the process.
  return pool.on("error", () => {});
}

type Loan = AddressedClient & Pick<PoolClient, "release">;

/** A connection of the pool; after an abort the one that arrives too late goes straight back. */
async function borrow(pool: Pool, signal: AbortSignal | undefined): Promise<Loan> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const arriving = pool.connect() as Promise<Loan>;
  try {
    return await Promise.race([arriving, aborted]);
  } catch (error) {
    arriving.then(
      (client) => client.release(),
      () => {},
    );
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Gives the connection back afterwards, or closes it when the work failed: its state is then unknown. */
async function lend<T>(client: Loan, work: (client: PooledClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const stop = () => client.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  let hasFailed = true;
  try {
    signal?.throwIfAborted();
    const result = await work(client);
    hasFailed = false;
    return result;
  } finally {
    signal?.removeEventListener("abort", stop);
    client.release(hasFailed);
  }
}
