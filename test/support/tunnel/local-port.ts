import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A client of a local port that speaks bytes; its errors are its end. */
export async function connectTo(
  { port }: { readonly port: number },
  options: { readonly allowHalfOpen?: boolean } = {},
) {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true, ...options });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Everything until the end. */
export async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  await once(socket, "close");
  return Buffer.concat(chunks);
}
