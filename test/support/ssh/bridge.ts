import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Link } from "#lib/tunnel/transport.ts";

export type Bridge = AsyncDisposable & { readonly host: string; readonly port: number };

/** A loopback port in front of a link: the least that lets a PostgreSQL client through. */
export async function startBridge(link: Link): Promise<Bridge> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    link.openStream(new AbortController().signal).then(
      async (stream) => await Promise.allSettled([pipeline(socket, stream), pipeline(stream, socket)]),
      () => socket.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
