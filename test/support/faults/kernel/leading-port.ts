import { once } from "node:events";
import type { Socket } from "node:net";

/** What a connection over the socket of the file system begins with: the far host's port that it came to. */
export function encodePort(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

/** Takes it off again; what came behind it stays to be read. */
export async function takePort(socket: Socket): Promise<number> {
  for (;;) {
    const bytes: Buffer | null = socket.read(2);
    if (bytes !== null) return bytes.readUInt16BE(0);
    if (socket.readableEnded || socket.destroyed) throw new Error("It ended before it said which port it came to.");
    await Promise.race([once(socket, "readable"), once(socket, "close")]);
  }
}
