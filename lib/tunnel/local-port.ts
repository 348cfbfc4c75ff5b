import { createServer } from "node:net";
import { listenForClients } from "./port/listen.ts";
import { type ClientService, serveClient } from "./port/serve-client.ts";

export type LocalPortOptions = Omit<ClientService, "signal"> & {
  /** 0: any free one. */
  readonly port: number;
  readonly bind: string;
};

export type LocalPortFigures = {
  /** Clients that said something, since the start. */
  readonly connections: number;
  /** Clients that are connected now. */
  readonly openConnections: number;
  /** Of `connections`, those that never got an answer from the database, and were told. */
  readonly failedConnections: number;
  /** Of `connections`, those whose connection was lost under way. */
  readonly brokenConnections: number;
};

/** Disposing closes the port and every client's connection. */
export type LocalPort = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  figures(): LocalPortFigures;
};

/**
 * Listens on a local port for clients of PostgreSQL; serve-client.ts says what becomes of each.
 *
 * @throws PosternError `port.taken`, which names the process that has it where the system tells; `usage.invalid` for an
 * address that this machine does not have
 */
export async function openLocalPort(options: LocalPortOptions): Promise<LocalPort> {
  const closing = new AbortController();
  const serving = new Set<Promise<void>>();
  const counts = { served: 0, broken: 0, refused: 0, left: 0 };
  const service = { ...options, signal: closing.signal };
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
    const serve = async (): Promise<void> => {
      counts[await serveClient(socket, service)] += 1;
      serving.delete(done);
    };
    const done = serve();
    serving.add(done);
  });
  const { address: host, port } = await listenForClients(server, options);
  // A connection that could not be accepted (no file descriptor left) is its client's loss.
  server.on("error", () => {});
  return {
    host,
    port,
    figures: () => ({
      connections: counts.served + counts.broken + counts.refused + serving.size,
      openConnections: serving.size,
      failedConnections: counts.refused,
      brokenConnections: counts.broken,
    }),
    [Symbol.asyncDispose]: async () => {
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      closing.abort();
      await Promise.all([closed, ...serving]);
    },
  };
}
