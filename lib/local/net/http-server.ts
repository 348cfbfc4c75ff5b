import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { PosternError } from "#lib/base/errors.ts";
import { loopback } from "./free-port.ts";

/**
 * Listens on loopback.
 *
 * @param port 0: any free one
 * @throws PosternError `port.taken`
 */
export async function listen(server: Server, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === "EADDRINUSE" || cause.code === "EACCES";
      reject(isTaken ? new PosternError("port.taken", `Cannot listen on ${loopback}:${port}.`, { cause }) : cause);
    });
    server.listen(port, loopback, resolve);
  });
  server.removeAllListeners("error");
  const address = server.address();
  if (address === null || typeof address === "string") throw new PosternError("internal", "No TCP address.");
  return address;
}

/** Stops listening and ends every connection, idle or not. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
