import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { loopback } from "#lib/local/net/free-port.ts";

/**
 * What stands in the database's place where plain bytes are measured: nothing is read from a disk or worked out. It answers an
 * SSLRequest with `N`, as PostgreSQL without TLS does, so that a tunnel takes it for one. Then a letter and how many bytes
 * (big-endian):
 *
 * | letter | what comes back |
 * |--------|-----------------|
 * | `d`    | so many bytes, then the end |
 * | `u`    | one byte, after so many have come |
 */
export type BulkServer = AsyncDisposable & { readonly host: string; readonly port: number };

const sslRequestBytes = 8;
const orderBytes = 5;
const piece = Buffer.alloc(64 * 1024, "postern ");

export function orderOf(letter: "d" | "u", bytes: number): Buffer {
  const order = Buffer.from(`${letter}0000`);
  order.writeUInt32BE(bytes, 1);
  return order;
}

export async function startBulkServer(): Promise<BulkServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    void serve(socket);
  });
  server.listen(0, loopback);
  await once(server, "listening");
  return {
    host: loopback,
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function serve(socket: Socket): Promise<void> {
  if ((await take(socket, sslRequestBytes)) === undefined) return;
  socket.write("N");
  const order = await take(socket, orderBytes);
  if (order === undefined) return;
  const bytes = order.readUInt32BE(1);
  if (order.toString("latin1", 0, 1) === "u") swallow(socket, bytes);
  else send(socket, bytes);
}

/** Undefined: it was closed before. */
async function take(socket: Socket, bytes: number): Promise<Buffer | undefined> {
  for (;;) {
    const taken = socket.read(bytes) as Buffer | null;
    if (taken !== null) return taken;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const more = () => resolve(true);
    const closed = () => resolve(false);
    socket.once("readable", more).once("close", closed);
    const isOpen = await promise;
    socket.off("readable", more).off("close", closed);
    if (!isOpen || socket.readableEnded) return undefined;
  }
}

function swallow(socket: Socket, bytes: number): void {
  let left = bytes;
  socket.on("data", (chunk) => {
    left -= chunk.length;
    if (left <= 0) socket.write("!");
  });
}

function send(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const next = piece.subarray(0, left);
      left -= next.length;
      if (!socket.write(next)) return;
    }
    socket.off("drain", more).end();
  };
  socket.on("drain", more).resume();
  more();
}
