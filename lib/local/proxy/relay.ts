import { connect, createServer, type Socket } from "node:net";
import { PosternError } from "#lib/base/errors.ts";
import { loopback } from "../net/free-port.ts";

/**
 * Stands where a stage has its RDS Proxy, and does of it only this: it leads to the instance while RDS says that its target is
 * available. It has no pool and no logins: TLS and authentication are those of the instance.
 */
export type ProxyRelay = AsyncDisposable & {
  readonly host: typeof loopback;
  readonly port: number;
  /**
   * Without a target, connections through it end, and new ones wait for one, as for a connection of RDS Proxy's pool: until the
   * target is there again, or for two minutes.
   */
  setAvailable(isAvailable: boolean): void;
  /** Connections that wait. */
  readonly waiting: number;
};

/** A connection waits for the target; or it has waited for so long that it was ended. */
export type ProxyEvent = "waits" | "timed-out";

export type ProxyRelayOptions = {
  readonly onEvent?: (event: ProxyEvent) => void;
  /** RDS Proxy's `ConnectionBorrowTimeout`. Default: 120 s, as there. */
  readonly borrowTimeoutMs?: number;
};

const defaultBorrowTimeoutMs = 120_000;

export async function startProxyRelay(
  target: { readonly host: string; readonly port: number },
  options: ProxyRelayOptions = {},
): Promise<ProxyRelay> {
  const { onEvent = () => {}, borrowTimeoutMs = defaultBorrowTimeoutMs } = options;
  let isAvailable = true;
  const waiting = new Set<Socket>();
  const through = new Set<Socket>();

  function lead(client: Socket): void {
    const server = connect({ ...target, noDelay: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      through.add(socket);
      socket.on("error", () => other.destroy());
      socket.once("close", () => {
        through.delete(socket);
        other.destroySoon();
      });
    }
    client.pipe(server).pipe(client);
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (isAvailable) return lead(client);
    waiting.add(client);
    // What it says meanwhile waits, too.
    client.pause();
    client.on("error", () => client.destroy());
    client.once("close", () => waiting.delete(client));
    client.setTimeout(borrowTimeoutMs, () => {
      onEvent("timed-out");
      client.destroy();
    });
    onEvent("waits");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, loopback, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new PosternError("internal", "No TCP address.");
  return {
    host: loopback,
    port: address.port,
    setAvailable: (wanted) => {
      isAvailable = wanted;
      if (!wanted) {
        for (const socket of through) socket.destroy();
        return;
      }
      for (const client of waiting) {
        client.setTimeout(0);
        lead(client);
      }
      waiting.clear();
    },
    get waiting() {
      return waiting.size;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      for (const socket of [...through, ...waiting]) socket.destroy();
      await closed;
    },
  };
}
