import { type AddressInfo, createServer, type Server } from "node:net";
import { PosternError } from "#lib/base/errors.ts";
import { type ClientService, serveClient } from "./port/serve-client.ts";
import { describePortOwner } from "./registry/port-owner.ts";

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
  /** Of `connections`, those that lost the database with the link. */
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
  const { address: host, port } = await listen(server, options);
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

async function listen(server: Server, { port, bind }: LocalPortOptions): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ port, host: bind, exclusive: true }, resolve);
  try {
    await promise;
  } catch (error) {
    throw await explain(error, bind, port);
  }
  server.off("error", reject);
  return server.address() as AddressInfo;
}

async function explain(cause: unknown, bind: string, port: number): Promise<unknown> {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const where = `Port ${port} on ${bind}`;
  const hint = "Free it, or choose another with --port (0: any free one).";
  if (code === "EADDRINUSE") {
    const who = (await describePortOwner(port)) ?? "another process";
    return new PosternError("port.taken", `${where} is taken by ${who}.`, { cause, hint });
  }
  if (code === "EACCES") {
    return new PosternError("port.taken", `${where} needs a privilege that this user lacks.`, { cause, hint });
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    const message = `This machine has no address ${bind} to listen on: expected one of its own, as 127.0.0.1.`;
    return new PosternError("usage.invalid", message, {
      cause,
      hint: "Leave out --bind, or name one of this machine's.",
    });
  }
  return cause;
}
