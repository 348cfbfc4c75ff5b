import { once } from "node:events";
import type { Socket } from "node:net";
import process from "node:process";
import { type Duplex, duplexPair } from "node:stream";
import { describe, expect, test } from "vitest";
import { systemClock } from "#lib/base/clock.ts";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { type LocalPortOptions, openLocalPort } from "#lib/tunnel/local-port.ts";
import { madeUpBytes, sha256, startFarEnd, taskHeader } from "../../conformance/far-end.ts";
import { createSteppedClock } from "../../support/stepped-clock.ts";
import { lost } from "../../support/tunnel/fake-transport.ts";
import { connectTo, readToEnd } from "../../support/tunnel/local-port.ts";
import { carrierTo } from "../../support/tunnel/tcp-carrier.ts";

type OpenStream = LocalPortOptions["openStream"];

/** A local port over a link to a far end that echoes, sends and hashes; both real sockets. */
async function openScene(
  options: Partial<LocalPortOptions> = {},
  via: (open: OpenStream) => OpenStream = (open) => open,
) {
  await using stack = new AsyncDisposableStack();
  const farEnd = stack.use(await startFarEnd());
  const transport = carrierTo(farEnd);
  const { signal } = new AbortController();
  const link = stack.use(await transport.connect(signal));
  let checks = 0;
  let awaited = 0;
  const port = stack.use(
    await openLocalPort({
      port: 0,
      bind: "127.0.0.1",
      holdMs: 10_000,
      clock: systemClock,
      openStream: via(async (stop) => await link.openStream(stop)),
      expectAnswer: () => {
        awaited += 1;
        return { [Symbol.dispose]: () => (awaited -= 1) };
      },
      checkSoon: () => (checks += 1),
      explain: (failure) => ({ message: failure?.message ?? "nothing is known" }),
      ...options,
    }),
  );
  const all = stack.move();
  return {
    farEnd,
    transport,
    link,
    port,
    checks: () => checks,
    awaited: () => awaited,
    connect: async () => await connectTo(port),
    [Symbol.asyncDispose]: async () => {
      await all.disposeAsync();
      expect(port.figures().openConnections).toBe(0);
    },
  };
}

/** Waits for a link that never comes. */
const never = async (signal: AbortSignal): Promise<never> => {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return await promise;
};

/** A stream whose way is lost before the far end has answered. */
async function endSoon(open: OpenStream, signal: AbortSignal): Promise<Duplex> {
  const stream = await open(signal);
  stream.destroy(lost());
  return stream;
}

async function echo(socket: Socket, payload: Buffer): Promise<void> {
  const received: Buffer[] = [];
  let left = payload.length;
  socket.write(Buffer.concat([taskHeader("echo"), payload]));
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received.push(chunk);
    left -= chunk.length;
    if (left <= 0) break;
  }
  expect(sha256(Buffer.concat(received))).toBe(sha256(payload));
}

describe("bytes", () => {
  test("of 200 clients at once go their own ways", async () => {
    await using scene = await openScene();
    const clients = await Promise.all(Array.from({ length: 200 }, async () => scene.connect()));
    await Promise.all(clients.map(async (client, index) => echo(client, madeUpBytes(50_000, index + 1))));
    expect(scene.port.figures()).toMatchObject({ connections: 200, openConnections: 200, failedConnections: 0 });
    for (const client of clients) client.destroy();
    await expect.poll(() => [scene.port.figures().openConnections, scene.farEnd.open]).toEqual([0, 0]);
  });

  test("a client that does not read holds its own back alone, and gets all of them in the end", async () => {
    await using scene = await openScene();
    const slow = await scene.connect();
    slow.pause();
    const count = 32 * 1024 * 1024;
    slow.write(Buffer.concat([taskHeader("send", count), Buffer.alloc(3)]));
    let before = -1;
    const hasStopped = () => {
      const was = before;
      before = scene.farEnd.sent;
      return before > 0 && before === was;
    };
    await expect.poll(hasStopped, { interval: 300, timeout: 10_000 }).toBe(true);
    expect(scene.farEnd.sent).toBeLessThan(count);
    const other = await scene.connect();
    await echo(other, madeUpBytes(100_000, 3));
    const all = await readToEnd(slow);
    expect(sha256(all)).toBe(sha256(madeUpBytes(count)));
  });

  test("what the far end sent before it closed reaches the client, and then the end", async () => {
    await using scene = await openScene();
    const client = await scene.connect();
    client.write(Buffer.concat([taskHeader("send", 300_000), Buffer.alloc(3)]));
    expect((await readToEnd(client)).length).toBe(300_000);
    expect(client.errored).toBeNull();
  });

  test("a client that ends its side still gets the answer, where the way there knows half-close", async () => {
    await using scene = await openScene();
    const client = await connectTo(scene.port, { allowHalfOpen: true });
    await echo(client, madeUpBytes(10, 4));
    const payload = madeUpBytes(200_000, 5);
    client.end(payload);
    const chunks: Buffer[] = [];
    for await (const chunk of client as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(sha256(Buffer.concat(chunks))).toBe(sha256(payload));
    await expect.poll(() => [scene.farEnd.open, scene.port.figures().openConnections]).toEqual([0, 0]);
  });
});

describe("a client", () => {
  test("that says nothing reaches nobody, and is let go when the port closes", async () => {
    const scene = await openScene();
    const [silent, terse] = [await scene.connect(), await scene.connect()];
    terse.write("sev");
    await expect.poll(() => scene.port.figures().openConnections).toBe(2);
    expect(scene.link.vitals().openStreams).toBe(0);
    silent.resume();
    terse.resume();
    await scene[Symbol.asyncDispose]();
    await expect.poll(() => [silent.closed, terse.closed]).toEqual([true, true]);
  });

  test("that leaves while it is held is forgotten", async () => {
    await using scene = await openScene({ openStream: never });
    const client = await scene.connect();
    client.write(encodeSslRequest());
    await expect.poll(() => scene.port.figures().openConnections).toBe(1);
    client.destroy();
    await expect
      .poll(() => scene.port.figures())
      .toEqual({
        connections: 0,
        openConnections: 0,
        failedConnections: 0,
        brokenConnections: 0,
      });
  });

  test("whose link is lost is reset, so that its driver knows it for that", async () => {
    await using scene = await openScene();
    const client = await scene.connect();
    await echo(client, madeUpBytes(10, 2));
    const failed = once(client, "error") as Promise<[Error]>;
    scene.transport.links.at(-1)?.cut();
    client.resume();
    expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
    await expect.poll(() => scene.port.figures()).toMatchObject({ brokenConnections: 1, openConnections: 0 });
  });
});

describe("a client that gets no answer", () => {
  test("is given another stream, and what it said is said again", async () => {
    let opened = 0;
    await using scene = await openScene({}, (open) => async (signal) => {
      opened += 1;
      return opened < 3 ? await endSoon(open, signal) : await open(signal);
    });
    const client = await scene.connect();
    client.write(Buffer.concat([taskHeader("hash", 3), Buffer.from("abc")]));
    const [digest] = (await once(client, "data")) as [Buffer];
    expect(digest.toString("hex")).toBe(sha256(Buffer.from("abc")));
    expect(opened).toBe(3);
    expect(scene.checks()).toBeGreaterThanOrEqual(2);
  });

  test("is told why when its time is over, in PostgreSQL's own form", async () => {
    await using scene = await openScene({ holdMs: 300 }, (open) => async (signal) => await endSoon(open, signal));
    const client = await scene.connect();
    client.write(encodeSslRequest());
    const answer = (await readToEnd(client)).toString("latin1");
    expect(answer).toMatch(/^E.{4}SFATAL\0VFATAL\0C57P03\0MThe fake link was cut\.\0\0$/su);
    expect(scene.port.figures()).toMatchObject({ connections: 1, failedConnections: 1 });
  });

  test("nor an end makes the port doubt the link, and is told when its ten seconds are over", async () => {
    const clock = createSteppedClock();
    await using scene = await openScene({ clock });
    const client = await scene.connect();
    const closed = readToEnd(client);
    // The far end waits for more.
    client.write(Buffer.concat([taskHeader("hash", 1_000), Buffer.from("abc")]));
    await expect.poll(() => scene.farEnd.open).toBe(1);
    expect(scene.awaited()).toBe(1);
    await clock.advance(2_000);
    expect(scene.checks()).toBe(1);
    await clock.advance(7_999);
    expect(scene.port.figures().openConnections).toBe(1);
    await clock.advance(1);
    expect((await closed).toString("latin1")).toContain("no answer within 10 s");
    await expect.poll(() => scene.port.figures()).toMatchObject({ failedConnections: 1, openConnections: 0 });
    expect([clock.sleeping, scene.awaited()]).toEqual([0, 0]);
  });

  test("has ten seconds in all, for the link and for the answer", async () => {
    const clock = createSteppedClock();
    await using scene = await openScene({ clock }, (open) => async (signal) => {
      await clock.sleep(7_000, signal);
      return await open(signal);
    });
    const client = await scene.connect();
    const closed = readToEnd(client);
    client.write(Buffer.concat([taskHeader("hash", 1_000), Buffer.from("abc")]));
    await expect.poll(() => scene.awaited()).toBe(1);
    await clock.advance(7_000);
    await expect.poll(() => scene.farEnd.open).toBe(1);
    await clock.advance(3_000);
    expect((await closed).toString("latin1")).toContain("57P03");
  });

  test("is awaited no more once it has one, and may then be silent for as long as it likes", async () => {
    const clock = createSteppedClock();
    await using scene = await openScene({ clock });
    const client = await scene.connect();
    await echo(client, madeUpBytes(10, 2));
    expect(scene.awaited()).toBe(0);
    await clock.advance(3_600_000);
    expect(scene.port.figures()).toMatchObject({ openConnections: 1, failedConnections: 0 });
    expect(scene.checks()).toBe(0);
  });

  test("because it asks to cancel is let go when its ten seconds are over", async () => {
    const clock = createSteppedClock();
    await using scene = await openScene({ clock, openStream: () => Promise.resolve(duplexPair()[0]) });
    const client = await scene.connect();
    const closed = readToEnd(client);
    const cancel = Buffer.alloc(16);
    cancel.writeInt32BE(16, 0);
    cancel.writeInt32BE(80_877_102, 4);
    client.write(cancel);
    await expect.poll(() => scene.awaited()).toBe(1);
    await clock.advance(10_000);
    expect(await closed).toHaveLength(0);
    await expect.poll(() => scene.port.figures()).toMatchObject({ failedConnections: 1, openConnections: 0 });
  });

  test("and began with TLS gets an alert of TLS", async () => {
    await using scene = await openScene({ openStream: never, holdMs: 20 });
    const client = await scene.connect();
    client.write(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]));
    expect([...(await readToEnd(client))]).toEqual([21, 3, 1, 0, 2, 2, 80]);
  });
});

describe("a port", () => {
  test("that is taken is refused, and who has it is named", async () => {
    await using scene = await openScene();
    const again = openLocalPort({
      port: scene.port.port,
      bind: "127.0.0.1",
      holdMs: 1,
      clock: systemClock,
      openStream: never,
      expectAnswer: () => ({ [Symbol.dispose]: () => {} }),
      checkSoon: () => {},
      explain: () => ({ message: "" }),
    });
    await expect(again).rejects.toMatchObject({
      code: "port.taken",
      message: expect.stringContaining(`Port ${scene.port.port} on 127.0.0.1 is taken by process ${process.pid}`),
    });
  });

  test.each(["192.0.2.1", ""])("on %j, which is no address of this machine, is refused", async (bind) => {
    await expect(openScene({ bind })).rejects.toMatchObject({
      code: "usage.invalid",
      message: expect.stringContaining(JSON.stringify(bind)),
    });
  });
});
