import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { orderOf } from "./bulk-server.ts";

export type Direction = "down" | "up";

export type Place = { readonly host: string; readonly port: number };

const piece = Buffer.alloc(64 * 1024, "postern ");

/** A connection that the bulk server has answered: only what comes after it is measured. */
export async function openBulk({ host, port }: Place): Promise<Socket> {
  const socket = connect(port, host);
  socket.setNoDelay(true);
  socket.write(encodeSslRequest());
  const [answer] = (await once(socket, "data")) as [Buffer];
  if (answer.toString() !== "N") throw new Error(`The bulk server answered ${JSON.stringify(answer.toString())}.`);
  return socket;
}

/** Until the last byte is where it belongs; the connection is of no use afterwards. */
export async function transfer(socket: Socket, direction: Direction, bytes: number): Promise<void> {
  try {
    if (direction === "down") await receive(socket, bytes);
    else await send(socket, bytes);
  } finally {
    socket.destroy();
  }
}

async function receive(socket: Socket, bytes: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = bytes;
  socket.on("data", (chunk) => {
    left -= chunk.length;
    if (left <= 0) resolve();
  });
  socket.once("error", reject);
  socket.once("close", () => reject(new Error(`The connection was closed; ${left} of ${bytes} bytes were missing.`)));
  socket.write(orderOf("d", bytes));
  await promise;
}

async function send(socket: Socket, bytes: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.once("close", () => reject(new Error(`The connection was closed before ${bytes} bytes had arrived.`)));
  socket.once("data", () => resolve());
  socket.write(orderOf("u", bytes));
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const next = piece.subarray(0, left);
      left -= next.length;
      if (!socket.write(next)) return;
    }
    socket.off("drain", more);
  };
  socket.on("drain", more);
  more();
  await promise;
}
