import { createServer, type Socket } from "node:net";

/** A port on loopback that something is forwarded to. */
export type PortServer = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** The connections, those that are closed included. */
  readonly sockets: readonly Socket[];
  /** Those that are not. */
  open(): number;
};

/** @param serve default: what comes goes back, and so does the end */
export async function startPortServer(serve: (socket: Socket) => void = (one) => one.pipe(one)): Promise<PortServer> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    // A reset is how some of the tests end it.
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return {
    host: "127.0.0.1",
    port: address.port,
    sockets,
    open: () => sockets.filter(({ destroyed }) => !destroyed).length,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
