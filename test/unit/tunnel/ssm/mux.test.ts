import { once } from "node:events";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { finished } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { createMux, type MuxOptions } from "#lib/tunnel/ssm/mux.ts";
import { fin, nop, parseSmux, psh, smuxFrame, syn } from "../../../support/smux-bytes.ts";
import { SmuxServer, type SmuxServerHooks } from "../../../support/smux-server.ts";

/** A mux whose bytes reach a server at once, or wait at a gate. */
function connect(hooks: SmuxServerHooks = {}, options: MuxOptions = {}) {
  let gate: PromiseWithResolvers<void> | undefined;
  let shutAt: number | undefined;
  const writes: Buffer[] = [];
  const mux = createMux(
    {
      write: async (bytes) => {
        writes.push(Buffer.from(bytes));
        if (writes.length === shutAt) gate = Promise.withResolvers<void>();
        await gate?.promise;
        server.receive(bytes);
      },
    },
    options,
  );
  const server = new SmuxServer((bytes) => void mux.receive(bytes), hooks);
  return {
    mux,
    server,
    writes,
    shut: () => {
      gate = Promise.withResolvers<void>();
    },
    shutAfter: (count: number) => {
      shutAt = writes.length + count;
    },
    open: () => {
      gate?.resolve();
      gate = undefined;
    },
  };
}

const settled = async () => new Promise((resolve) => setImmediate(resolve));

function framesOf(writes: readonly Buffer[]): string[] {
  const names = ["SYN", "FIN", "PSH", "NOP"];
  return parseSmux(Buffer.concat(writes)).frames.map(
    ({ command, id, data }) => `${names[command]} ${id}${command === psh ? ` ${data.length}` : ""}`,
  );
}

describe("a stream", () => {
  test("carries bytes both ways, and begins with SYN", async () => {
    const { mux, writes } = connect({ onData: (stream, data) => stream.write(Buffer.from(`<${data.toString()}>`)) });
    const stream = mux.openStream();
    stream.write("select 1");
    const [answer] = await once(stream, "data");
    expect(String(answer)).toBe("<select 1>");
    expect(framesOf(writes)).toEqual(["SYN 3", "PSH 3 8"]);
    expect(mux).toMatchObject({ openStreams: 1, bytesUp: 8, bytesDown: 10 });
  });

  test("is announced even when nothing is written", async () => {
    const { mux, server } = connect({ onStream: (stream) => stream.write(Buffer.from("hello")) });
    const [greeting] = await once(mux.openStream(), "data");
    expect(String(greeting)).toBe("hello");
    expect(server.frames).toMatchObject([{ command: syn, id: 3 }]);
  });

  test("gets the ids 3, 5, 7, of which none is used twice", async () => {
    const { mux, server } = connect();
    for (let round = 0; round < 3; round += 1) {
      const stream = mux.openStream();
      await settled();
      stream.destroy();
      await settled();
    }
    expect([...server.streams.keys()]).toEqual([3, 5, 7]);
    expect(mux.openStreams).toBe(0);
  });

  test("sends what was written before its end, then one FIN, and is over in both directions", async () => {
    const { mux, writes, server } = connect();
    const stream = mux.openStream();
    stream.end(Buffer.alloc(10_000, 1));
    stream.resume();
    await finished(stream);
    expect(framesOf(writes)).toEqual(["SYN 3", "PSH 3 4088", "PSH 3 4088", "PSH 3 1824", "FIN 3"]);
    server.streams.get(3)?.end();
    await settled();
    expect(framesOf(writes).filter((frame) => frame === "FIN 3")).toHaveLength(1);
    expect(stream.destroyed).toBe(true);
    expect(mux.openStreams).toBe(0);
  });

  test("drops what comes after its own FIN", async () => {
    const { mux, server } = connect();
    const stream = mux.openStream();
    stream.end();
    const received = buffer(stream);
    await settled();
    void mux.receive(smuxFrame(psh, 3, Buffer.from("late")));
    expect(await received).toHaveLength(0);
    expect(server.streams.get(3)?.clientEnded).toBe(true);
    expect(mux.bytesDown).toBe(0);
  });

  test("delivers all that came before the other side's FIN, answers it once, and ends", async () => {
    const big = Buffer.alloc(300_000, "abc");
    const { mux, writes } = connect({
      onStream: (stream) => {
        stream.write(big);
        stream.end();
      },
    });
    const stream = mux.openStream();
    await settled();
    await settled();
    expect(mux.openStreams).toBe(0);
    expect(await buffer(stream)).toEqual(big);
    await finished(stream);
    expect(framesOf(writes)).toEqual(["SYN 3", "FIN 3"]);
  });

  test("takes writes after the other side's FIN without an error that would destroy unread bytes", async () => {
    const { mux, server } = connect({ onStream: (stream) => stream.write(Buffer.from("FATAL: shutting down")) });
    const stream = mux.openStream();
    await settled();
    server.streams.get(3)?.end();
    await new Promise<void>((resolve, reject) => {
      stream.write("too late", (error) => (error ? reject(error) : resolve()));
    });
    expect(String(await buffer(stream))).toBe("FATAL: shutting down");
    expect(server.streams.get(3)?.received).toEqual([]);
  });

  test("that was destroyed before its SYN went out leaves no trace", async () => {
    const { mux, writes } = connect();
    const stream = mux.openStream();
    stream.destroy();
    await settled();
    expect(writes).toEqual([]);
    expect(mux.openStreams).toBe(0);
    await finished(stream).catch(() => undefined);
  });

  test("that is destroyed sends FIN and gives up what was still to be sent", async () => {
    const { mux, writes, shut, open } = connect();
    const stream = mux.openStream();
    await settled();
    shut();
    const written = new Promise((resolve) => stream.write(Buffer.alloc(10_000), resolve));
    await settled();
    stream.destroy();
    expect(await written).toBeInstanceOf(Error);
    open();
    await settled();
    expect(framesOf(writes)).toEqual(["SYN 3", "PSH 3 4088", "FIN 3"]);
  });

  test("puts small writes into one frame", async () => {
    const { mux, writes } = connect();
    const stream = mux.openStream();
    for (const word of ["parse ", "bind ", "execute ", "sync"]) stream.write(word);
    await settled();
    expect(framesOf(writes)).toEqual(["SYN 3", "PSH 3 6", "PSH 3 17"]);
  });
});

describe("turns", () => {
  test("a short query waits for two slices of an upload at most", async () => {
    const { mux, writes, shut, open } = connect();
    const upload = mux.openStream();
    const query = mux.openStream();
    await settled();
    shut();
    upload.write(Buffer.alloc(1_000_000));
    await settled();
    query.write("select 1");
    open();
    await settled();
    expect(framesOf(writes).indexOf("PSH 5 8")).toBeLessThanOrEqual(4);
  });

  test("a short query passes between the slices of many uploads", async () => {
    const { mux, writes, shutAfter, open } = connect();
    const uploads = Array.from({ length: 50 }, () => mux.openStream());
    const query = mux.openStream();
    await settled();
    const before = framesOf(writes).length;
    for (const upload of uploads) upload.write(Buffer.alloc(100_000));
    // Each of them had its first turn, and some had more.
    shutAfter(110);
    await settled();
    query.write("select 1");
    open();
    await settled();
    const frames = framesOf(writes).slice(before);
    expect(frames.indexOf("PSH 103 8")).toBeLessThanOrEqual(112);
    const counts = uploads.map(
      (_, index) => frames.filter((frame) => frame.startsWith(`PSH ${3 + index * 2} `)).length,
    );
    expect(new Set(counts)).toEqual(new Set([Math.ceil(100_000 / 4088)]));
  });
});

describe("back-pressure", () => {
  test("a writer waits until the pipe has taken its bytes", async () => {
    const { mux, shut, open } = connect();
    const stream = mux.openStream();
    await settled();
    shut();
    let isWritten = false;
    stream.write(Buffer.alloc(100), () => {
      isWritten = true;
    });
    await settled();
    expect(isWritten).toBe(false);
    open();
    await settled();
    expect(isWritten).toBe(true);
  });

  test("`receive` asks to wait while too much is unread, and goes on when it was read", async () => {
    const { mux } = connect({}, { maxHeldBytes: 100_000 });
    const stream = mux.openStream();
    await settled();
    let waits: Promise<void> | undefined;
    let sent = 0;
    while ((waits = mux.receive(smuxFrame(psh, 3, Buffer.alloc(1000, 7)))) === undefined) sent += 1;
    expect(mux.isFull).toBe(true);
    expect(sent).toBeGreaterThan(80);
    expect(sent).toBeLessThan(130);
    let received = 0;
    stream.on("data", (data: Buffer) => (received += data.length));
    await waits;
    await settled();
    expect(mux.isFull).toBe(false);
    expect(received).toBe((sent + 1) * 1000);
  });

  test.each<[string, (stream: Duplex, close: () => void) => void]>([
    ["destroying the stream", (stream) => stream.destroy()],
    ["closing the mux", (_, close) => close()],
  ])("%s gives back what was held for it", async (_, act) => {
    const { mux } = connect({}, { maxHeldBytes: 50_000 });
    const stream = mux.openStream();
    await settled();
    const waits = mux.receive(smuxFrame(psh, 3, Buffer.alloc(20_000)));
    expect(waits).toBeUndefined();
    const full = [1, 2, 3, 4].map(() => mux.receive(smuxFrame(psh, 3, Buffer.alloc(20_000)))).at(-1);
    expect(full).toBeInstanceOf(Promise);
    act(stream, () => mux.close());
    await full;
    expect(mux.isFull).toBe(false);
  });

  test("a few unread bytes do not keep the large message that they came in", async () => {
    const { mux } = connect();
    const stream = mux.openStream();
    await settled();
    const message = Buffer.alloc(30_000);
    message.set(smuxFrame(psh, 3, Buffer.from("few")));
    message.set(smuxFrame(psh, 99, Buffer.alloc(30_000 - 11 - 8)), 11);
    void mux.receive(message);
    const [data] = (await once(stream, "data")) as [Buffer];
    expect(data.toString()).toBe("few");
    expect(data.buffer).not.toBe(message.buffer);
  });

  test("many tiny frames count for more than their bytes", async () => {
    const { mux } = connect({}, { maxHeldBytes: 100_000 });
    mux.openStream();
    await settled();
    const tiny = Buffer.concat(Array.from({ length: 1000 }, () => smuxFrame(psh, 3, Buffer.from("x"))));
    let rounds = 0;
    while (mux.receive(tiny) === undefined) rounds += 1;
    expect(rounds).toBeLessThan(20);
  });
});

describe("the other side", () => {
  test("may speak of ids that are over or were never there, and send NOP", async () => {
    const { mux, writes } = connect();
    const frames = [
      smuxFrame(psh, 99, Buffer.from("nobody")),
      smuxFrame(fin, 99),
      smuxFrame(nop, 0),
      smuxFrame(syn, 2),
      smuxFrame(psh, 2, Buffer.from("nobody")),
    ];
    for (const frame of frames) void mux.receive(frame);
    await settled();
    expect(writes).toEqual([]);
    expect(mux.bytesDown).toBe(0);
  });

  test("that breaks the protocol ends every stream with the reason", async () => {
    const { mux, writes } = connect();
    const streams = [mux.openStream(), mux.openStream()];
    const ends = streams.map(async (stream) => finished(stream));
    await settled();
    const sent = writes.length;
    expect(() => mux.receive(Buffer.from([2, 0, 0, 0, 3, 0, 0, 0]))).toThrow("version 2");
    for (const end of ends) await expect(end).rejects.toMatchObject({ code: "ssm.protocol" });
    expect(() => mux.openStream()).toThrow(expect.objectContaining({ code: "ssm.lost" }));
    await settled();
    expect(writes).toHaveLength(sent);
    expect(mux.openStreams).toBe(0);
  });

  test("that could not connect has the next stream that ends without a byte blamed, and no other", async () => {
    const { mux, server } = connect();
    const [served, refused] = [mux.openStream(), mux.openStream()];
    await settled();
    server.streams.get(3)?.write(Buffer.from("S"));
    mux.refuseNext(new Error("refused"));
    const later = mux.openStream();
    await settled();
    const end = finished(refused);
    for (const id of [3, 7, 5]) server.streams.get(id)?.end();
    await expect(end).rejects.toThrow("refused");
    expect(String(await buffer(served))).toBe("S");
    expect(await buffer(later)).toHaveLength(0);
  });

  test("of one that was given up hides no later one", async () => {
    const { mux, server } = connect();
    const givenUp = mux.openStream();
    await settled();
    givenUp.destroy();
    await settled();
    mux.refuseNext(new Error("refused first"));
    const refused = mux.openStream();
    await settled();
    mux.refuseNext(new Error("refused second"));
    const end = finished(refused);
    for (const stream of server.streams.values()) stream.end();
    await expect(end).rejects.toThrow("refused second");
  });
});

describe("the end", () => {
  test("a pipe that ended destroys every stream with its error", async () => {
    const gone = Object.assign(new Error("gone"), { name: "AbortError" });
    const mux = createMux({ write: async () => Promise.reject(gone) });
    await expect(finished(mux.openStream())).rejects.toMatchObject({ code: "aborted", cause: gone });
  });

  test("`close` sends nothing and lets what the other side has ended be read", async () => {
    const { mux, server, writes } = connect({ onStream: (stream) => stream.write(Buffer.from("last words")) });
    const [ended, open] = [mux.openStream(), mux.openStream()];
    await settled();
    server.streams.get(3)?.end();
    await settled();
    const sent = writes.length;
    const end = finished(open);
    mux.close(new Error("over"));
    await expect(end).rejects.toThrow("over");
    expect(String(await buffer(ended))).toBe("last words");
    expect(writes).toHaveLength(sent);
  });

  test("when all ids are used, no stream is opened, and those that are open go on", async () => {
    const { mux, server } = connect({}, { firstStreamId: 0xff_ff_ff_ff });
    const stream = mux.openStream();
    expect(() => mux.openStream()).toThrow(expect.objectContaining({ code: "ssm.lost" }));
    stream.write("still here");
    await settled();
    expect(String(server.streams.get(0xff_ff_ff_ff)?.received[0])).toBe("still here");
  });

  test.each([8, 0, Number.NaN, 32_777])("refuses frames of %s bytes", (frameBytes) => {
    expect(() => createMux({ write: async () => undefined }, { frameBytes })).toThrow(RangeError);
  });
});
