import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

export type Listener = AsyncDisposable & { readonly host: string; readonly port: number };

/** A port on loopback; `serve` gets each connection, with how many others are open. Disposing destroys them all. */
export async function listen(serve: (socket: Socket, open: number) => Disposable): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const served = serve(socket, sockets.size);
    sockets.add(socket);
    // A reset is what some of them are for.
    socket.on("error", () => {});
    // Who has left is not kept, however silent we are.
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      sockets.delete(socket);
      served[Symbol.dispose]();
    });
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
