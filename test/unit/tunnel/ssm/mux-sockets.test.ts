import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { createMux, type Mux } from "#lib/tunnel/ssm/mux.ts";
import { SmuxServer } from "../../../support/smux-server.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

async function listen(onConnection: (socket: Socket) => void): Promise<Server & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true }, onConnection).listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(server, { [Symbol.asyncDispose]: async () => void server.close() });
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** A mux over a real connection to an agent that connects each stream to `target`. */
async function connectMux(agentPort: number): Promise<{ readonly mux: Mux; readonly socket: Socket }> {
  const socket = connect(agentPort, "127.0.0.1");
  await once(socket, "connect");
  const mux = createMux({
    write: async (bytes) => {
      if (!socket.write(bytes)) await once(socket, "drain");
    },
  });
  socket.on("data", (data: Buffer) => {
    const room = mux.receive(data);
    if (room === undefined) return;
    socket.pause();
    void room.then(() => socket.resume());
  });
  return { mux, socket };
}

function agentFor(target: number): (socket: Socket) => void {
  return (socket) => {
    const upstream = new Map<number, Socket>();
    const server = new SmuxServer((bytes) => socket.write(bytes), {
      onStream: (stream) => {
        const dialled = connect(target, "127.0.0.1");
        upstream.set(stream.id, dialled);
        dialled.on("data", (data) => stream.write(data));
        dialled.on("end", () => stream.end());
        dialled.on("error", () => stream.end());
      },
      onData: (stream, data) => void upstream.get(stream.id)?.write(Buffer.from(data)),
      onEnd: (stream) => upstream.get(stream.id)?.destroySoon(),
    });
    socket.on("data", (data) => server.receive(data));
  };
}

describe("over real sockets", () => {
  test("eight streams carry 4 MB each in both directions at once, with their SHA-256", async () => {
    await using echo = await listen((socket) => socket.pipe(socket));
    await using agent = await listen(agentFor(portOf(echo)));
    const { mux, socket } = await connectMux(portOf(agent));
    const sums = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const data = seededRandom(index).bytes(4_000_000);
        const stream = mux.openStream();
        const hash = createHash("sha256");
        let received = 0;
        const done = Promise.withResolvers<void>();
        stream.on("data", (piece: Buffer) => {
          hash.update(piece);
          received += piece.length;
          if (received === data.length) done.resolve();
        });
        // The end closes both directions: it waits until all has come back.
        await pipeline(Readable.from(pieces(data)), stream, { end: false });
        await done.promise;
        stream.end();
        await once(stream, "close");
        return hash.digest("hex") === createHash("sha256").update(data).digest("hex");
      }),
    );
    expect(sums).toEqual(Array.from({ length: 8 }, () => true));
    expect(mux).toMatchObject({ openStreams: 0, bytesUp: 32_000_000, bytesDown: 32_000_000 });
    socket.destroy();
  });
});

function* pieces(data: Buffer): Generator<Buffer> {
  for (let offset = 0; offset < data.length; offset += 50_000) yield data.subarray(offset, offset + 50_000);
}
