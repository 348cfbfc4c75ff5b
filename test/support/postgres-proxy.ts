import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

/** One message between a client and PostgreSQL, as the proxy sees it. */
export type SeenMessage = {
  readonly from: "client" | "server";
  /** The letter that begins it; "" for the client's first. */
  readonly type: string;
  /** All of it, type and length included. */
  readonly bytes: Buffer;
  /** Which connection, from 1, in the order in which they came. */
  readonly connection: number;
};

/**
 * What becomes of a message: it goes through; the connection is cut before it, behind it, or in its middle; or nothing more
 * goes through this way, in either direction, and nobody is told.
 */
export type Verdict = "pass" | "cut-before" | "cut-after" | "cut-within" | "stall";

export type PostgresProxy = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Asked about every message; may be replaced at any time. */
  judge: (message: SeenMessage) => Verdict;
  /** How fast what a client sends goes through; may be set at any time, and stays. Default: at once. */
  bytesPerSecond?: number;
};

const sliceBytes = 16 * 1024;

const passAll = (): Verdict => "pass";

/** A proxy in front of a server without TLS, which understands where a message ends. Cutting resets both sides. */
export async function startPostgresProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((client) => {
    count += 1;
    join(client, connect({ ...target, noDelay: true }), count);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  function join(client: Socket, upstream: Socket, connection: number): void {
    let isStalled = false;
    const cut = () => {
      for (const socket of [client, upstream]) socket.destroy();
    };
    const forward = (from: SeenMessage["from"], source: Socket, sink: Socket) => {
      const next = splitMessages(from === "client");
      let trickled = Promise.resolve();
      source.on("data", (chunk: Buffer) => {
        for (const { type, bytes } of next(chunk)) {
          if (isStalled) return;
          const verdict = proxy.judge({ from, type, bytes, connection });
          if (verdict === "stall") isStalled = true;
          if (verdict === "cut-before") cut();
          if (verdict === "cut-within") sink.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), cut);
          if (verdict === "cut-after") sink.write(bytes, cut);
          if (verdict !== "pass") return;
          const { bytesPerSecond } = proxy;
          if (from === "server" || bytesPerSecond === undefined) sink.write(bytes);
          else trickled = trickled.then(async () => trickle(bytes, sink, bytesPerSecond));
        }
      });
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    forward("client", client, upstream);
    forward("server", upstream, client);
  }

  const proxy: PostgresProxy = {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    judge: passAll,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

async function trickle(bytes: Buffer, sink: Socket, bytesPerSecond: number): Promise<void> {
  for (let at = 0; at < bytes.length && !sink.destroyed; at += sliceBytes) {
    const slice = bytes.subarray(at, at + sliceBytes);
    sink.write(slice);
    await setTimeout((slice.length / bytesPerSecond) * 1000);
  }
}

/** Whole messages out of a stream of chunks: a letter, then the length, which counts itself; the client's first has no letter. */
function splitMessages(hasStartup: boolean) {
  let rest = Buffer.alloc(0);
  let isFirst = hasStartup;
  return (chunk: Buffer): { type: string; bytes: Buffer }[] => {
    rest = Buffer.concat([rest, chunk]);
    const found: { type: string; bytes: Buffer }[] = [];
    for (;;) {
      const letters = isFirst ? 0 : 1;
      if (rest.length < letters + 4) return found;
      const length = letters + rest.readUInt32BE(letters);
      if (rest.length < length) return found;
      const bytes = rest.subarray(0, length);
      found.push({ type: bytes.toString("latin1", 0, letters), bytes });
      rest = rest.subarray(length);
      isFirst = false;
    }
  };
}
