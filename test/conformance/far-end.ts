import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/**
 * What stands at the far end in the place of PostgreSQL. A connection's first five bytes say what it is to do: a letter,
 * and how many bytes (big-endian).
 *
 * | letter | what comes back |
 * |--------|-----------------|
 * | `e`    | whatever comes, the same bytes; the number is not looked at |
 * | `s`    | so many bytes of `madeUpBytes`, then the end |
 * | `h`    | after so many bytes, their SHA-256 (32 bytes); the connection stays |
 */
export type FarEnd = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Bytes of the newest `s` that the system has taken from it. */
  readonly sent: number;
};

export type Task = "echo" | "send" | "hash";

export function taskHeader(task: Task, bytes = 0): Buffer {
  const header = Buffer.from(`${{ echo: "e", send: "s", hash: "h" }[task]}0000`);
  header.writeUInt32BE(bytes, 1);
  return header;
}

/** The same bytes for the same seed, without a period that a swapped or doubled piece would hide behind. */
export function madeUpBytes(count: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(count);
  let state = Math.imul(seed, 2_654_435_761) | 1;
  for (let at = 0; at < count; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export async function startFarEnd(): Promise<FarEnd> {
  const sockets = new Set<Socket>();
  let sent = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    readHeader(socket, (letter, count) => {
      if (letter === "e") socket.pipe(socket);
      if (letter === "h") hash(socket, count);
      if (letter === "s") {
        sent = 0;
        send(socket, madeUpBytes(count), (bytes) => (sent += bytes));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    get open() {
      return sockets.size;
    },
    get sent() {
      return sent;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function readHeader(socket: Socket, found: (letter: string, count: number) => void): void {
  socket.on("readable", function look() {
    const header: Buffer | null = socket.read(5);
    if (header === null) return;
    socket.off("readable", look);
    found(header.toString("latin1", 0, 1), header.readUInt32BE(1));
  });
}

function hash(socket: Socket, count: number): void {
  const digest = createHash("sha256");
  let left = count;
  socket.on("data", (chunk) => {
    digest.update(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) socket.write(digest.digest());
  });
}

function send(socket: Socket, bytes: Buffer, onSent: (bytes: number) => void): void {
  const sliceBytes = 16 * 1024;
  let at = 0;
  const next = () => {
    if (at >= bytes.length) {
      socket.end();
      return;
    }
    const slice = bytes.subarray(at, at + sliceBytes);
    at += slice.length;
    socket.write(slice, (error) => {
      if (error !== null && error !== undefined) return;
      onSent(slice.length);
      next();
    });
  };
  socket.resume();
  next();
}
