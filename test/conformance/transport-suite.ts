import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import type { Link, Transport, TransportReason } from "#lib/tunnel/transport.ts";
import { type FarEnd, madeUpBytes, sha256, startFarEnd, type Task, taskHeader } from "./far-end.ts";

/** A transport that leads to the far end, and what a test may do to the way there. */
export type TransportRig = AsyncDisposable & {
  readonly transport: Transport;
  /** What is said where nobody listens at the far end. */
  readonly refusal: TransportReason;
  /** Takes a live link's carrier away for good, as a pulled cable does. Absent where a transport has no carrier of its own. */
  readonly cut?: () => void | Promise<void>;
  /** From now on `connect` gets no answer; done when that is so. Absent where it cannot be brought about. */
  readonly stall?: () => void | Promise<void>;
  /** Of the transport's own connections (to the gateway, to sshd), those that are open now. Default: it has none. */
  readonly carriers?: () => number | Promise<number>;
};

export type RigFactory = (farEnd: { readonly host: string; readonly port: number }) => Promise<TransportRig>;

const megabyte = 1024 * 1024;

/**
 * What every transport promises (lib/tunnel/transport.ts). A transport's own test calls this with a factory that starts
 * its other side, and passes.
 */
export function describeTransport(name: string, makeRig: RigFactory): void {
  describe(`the ${name} transport`, () => {
    test("carries a megabyte each way unchanged", async () => {
      await using scene = await openScene(makeRig);
      const payload = madeUpBytes(megabyte, 7);
      const up = await scene.start("hash", payload.length);
      up.write(payload);
      expect((await read(up, 32)).toString("hex")).toBe(sha256(payload));
      const down = await scene.start("send", megabyte);
      expect(sha256(await readAll(down))).toBe(sha256(madeUpBytes(megabyte)));
    });

    test("delivers what the far end sent before it closed, and then the end", async () => {
      await using scene = await openScene(makeRig);
      const stream = await scene.start("send", 70_001);
      expect((await readAll(stream)).length).toBe(70_001);
      expect(stream.readableEnded).toBe(true);
      await scene.whenFreed(stream);
    });

    test("carries fifty streams at once, each its own bytes", async () => {
      await using scene = await openScene(makeRig);
      const echo = async (seed: number) => {
        const stream = await scene.start("echo");
        const payload = madeUpBytes(20_000, seed);
        stream.write(payload);
        const echoed = await read(stream, payload.length);
        expect(sha256(echoed)).toBe(sha256(payload));
      };
      await Promise.all(Array.from({ length: 50 }, async (_, index) => echo(index + 2)));
      expect(scene.link.vitals().openStreams).toBe(50);
      expect(scene.farEnd.open).toBe(50);
    });

    test("a destroyed stream frees everything of it, and the others go on", async () => {
      await using scene = await openScene(makeRig);
      const [gone, staying] = [await scene.start("echo"), await scene.start("echo")];
      await ping(gone);
      await ping(staying);
      gone.destroy();
      await expect.poll(() => scene.farEnd.open).toBe(1);
      await expect.poll(() => scene.link.vitals().openStreams).toBe(1);
      await ping(staying);
    });

    test("a stream that the far end closed under way leaves the others alone", async () => {
      await using scene = await openScene(makeRig);
      const staying = await scene.start("echo");
      const closing = await scene.start("send", 10);
      expect((await readAll(closing)).length).toBe(10);
      await ping(staying);
      await scene.whenFreed(closing);
    });

    test("a reader that stops holds the far end back, and loses nothing when it goes on", async () => {
      await using scene = await openScene(makeRig);
      const count = 32 * megabyte;
      const stream = await scene.start("send", count);
      // Whatever buffers there are on the way fill up; then the far end gets rid of no more.
      let before = -1;
      await expect
        .poll(
          () => {
            const hasStopped = scene.farEnd.sent > 0 && scene.farEnd.sent === before;
            before = scene.farEnd.sent;
            return hasStopped;
          },
          { interval: 300, timeout: 10_000 },
        )
        .toBe(true);
      expect(scene.farEnd.sent).toBeLessThan(count);
      expect(sha256(await readAll(stream))).toBe(sha256(madeUpBytes(count)));
    });

    test("an aborted connect leaves nothing, whenever the abort comes", async () => {
      await using farEnd = await startFarEnd();
      await using rig = await makeRig(farEnd);
      await expect(rig.transport.connect(AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
      for (const turns of [0, 1, 2, 4, 8, 16]) {
        const stop = new AbortController();
        const attempt = rig.transport.connect(stop.signal);
        attempt.catch(() => {});
        for (let turn = 0; turn < turns; turn += 1) await nextTurn();
        stop.abort(new Error("under way"));
        // It may have been quicker than the abort.
        const outcome = await attempt.then(
          async (link) => await link[Symbol.asyncDispose](),
          (error: unknown) => error,
        );
        expect([undefined, stop.signal.reason]).toContain(outcome);
      }
      await expect.poll(() => farEnd.open).toBe(0);
      await expect.poll(async () => await rig.carriers?.()).toBe(rig.carriers === undefined ? undefined : 0);
    });

    test("a connect that gets no answer ends with the abort, and leaves nothing", async (context) => {
      await using farEnd = await startFarEnd();
      await using rig = await makeRig(farEnd);
      context.skip(rig.stall === undefined, "Nothing can keep this transport waiting.");
      await rig.stall?.();
      const stop = new AbortController();
      const attempt = rig.transport.connect(stop.signal);
      setTimeout(() => stop.abort(new Error("long enough")), 50);
      await expect(attempt).rejects.toThrow("long enough");
      await expect.poll(() => farEnd.open).toBe(0);
      await expect.poll(async () => await rig.carriers?.()).toBe(rig.carriers === undefined ? undefined : 0);
    });

    test("an aborted openStream rejects with the reason", async () => {
      await using scene = await openScene(makeRig);
      await expect(scene.link.openStream(AbortSignal.abort(new Error("not now")))).rejects.toThrow("not now");
      await ping(await scene.start("echo"));
    });

    test("a disposed link has ended without a reason, its streams are gone, and it opens no more", async () => {
      await using scene = await openScene(makeRig);
      const streams = [await scene.start("echo"), await scene.start("echo")];
      for (const stream of streams) await ping(stream);
      await Promise.all([scene.link[Symbol.asyncDispose](), scene.link[Symbol.asyncDispose]()]);
      await scene.link[Symbol.asyncDispose]();
      expect(await scene.link.ended).toBeUndefined();
      expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true]);
      expect(scene.link.vitals()).toMatchObject({ state: "ended", openStreams: 0 });
      await expect(scene.link.openStream(new AbortController().signal)).rejects.toBeInstanceOf(PosternError);
      await scene.whenIdle();
    });

    test("a link whose carrier is lost ends with the reason, and takes its streams along", async (context) => {
      await using scene = await openScene(makeRig);
      context.skip(scene.rig.cut === undefined, "It has no carrier of its own.");
      const stream = await scene.start("echo");
      await ping(stream);
      const { promise: failed, resolve } = Promise.withResolvers<unknown>();
      stream.once("error", resolve);
      await scene.rig.cut?.();
      const reason = await scene.link.ended;
      expect(reason).toBeInstanceOf(PosternError);
      expect(reason?.code).toMatch(/^(?:ssm|ssh|tcp|dns|aws)\./u);
      expect(await failed).toBe(reason);
      expect(stream.destroyed).toBe(true);
      expect(scene.link.vitals()).toMatchObject({ state: "ended", openStreams: 0 });
      // The reason stays the first one.
      await scene.link[Symbol.asyncDispose]();
      expect(await scene.link.ended).toBe(reason);
      await scene.whenIdle();
    });

    test("says why when nobody listens at the far end", async () => {
      await using rig = await makeRig(await unusedPort());
      const reason = await useBriefly(rig.transport).catch((error: unknown) => error);
      expect(reason).toMatchObject({ name: "PosternError", code: rig.refusal });
    });

    test("its vitals are what happened", async () => {
      await using scene = await openScene(makeRig);
      const before = scene.link.vitals();
      expect(before).toMatchObject({ state: "live", openStreams: 0, bytesUp: 0, bytesDown: 0 });
      const stream = await scene.start("echo");
      stream.write(madeUpBytes(5_000));
      await read(stream, 5_000);
      const { silentMs, roundTripMs = 0, isBusy = false, ...counted } = scene.link.vitals();
      expect(isBusy).toBe(false);
      expect(counted).toEqual({ state: "live", openStreams: 1, bytesUp: 5_005, bytesDown: 5_000 });
      expect(silentMs).toBeGreaterThanOrEqual(0);
      expect(silentMs).toBeLessThan(5_000);
      expect(roundTripMs).toBeGreaterThanOrEqual(0);
      stream.destroy();
      await expect.poll(() => scene.link.vitals()).toMatchObject({ openStreams: 0, bytesUp: 5_005, bytesDown: 5_000 });
    });
  });
}

type Scene = AsyncDisposable & {
  readonly farEnd: FarEnd;
  readonly rig: TransportRig;
  readonly link: Link;
  /** A stream whose far end does this; the test reads it. */
  start(task: Task, bytes?: number): Promise<Duplex>;
  /** The stream is over on this side, and what it had is given back. */
  whenFreed(stream: Duplex): Promise<void>;
  /** Nothing of the link is left: neither a connection at the far end nor one of its own. */
  whenIdle(): Promise<void>;
};

async function openScene(makeRig: RigFactory): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const farEnd = stack.use(await startFarEnd());
  const rig = stack.use(await makeRig(farEnd));
  const { signal } = new AbortController();
  const link = stack.use(await rig.transport.connect(signal));
  const all = stack.move();
  return {
    farEnd,
    rig,
    link,
    start: async (task, bytes) => {
      const stream = await link.openStream(signal);
      // A link that ends destroys its streams with the reason.
      stream.on("error", () => {});
      stream.write(taskHeader(task, bytes));
      return stream;
    },
    whenFreed: async (stream) => {
      // The end of a stream that knows half-close is not yet its close.
      stream.end();
      await expect.poll(() => stream.destroyed).toBe(true);
    },
    whenIdle: async () => {
      await expect.poll(() => farEnd.open).toBe(0);
      await expect.poll(async () => await rig.carriers?.()).toBe(rig.carriers === undefined ? undefined : 0);
    },
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

async function ping(stream: Duplex): Promise<void> {
  stream.write("ping!");
  expect((await read(stream, 5)).toString()).toBe("ping!");
}

/** So many bytes; what comes behind them stays for the next read. */
async function read(stream: Duplex, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let left = count;
  while (left > 0) {
    const chunk = stream.read(Math.min(left, Math.max(1, stream.readableLength))) as Buffer | null;
    if (chunk === null) {
      if (stream.destroyed || stream.readableEnded)
        throw stream.errored ?? new Error(`It ended ${left} bytes too early.`);
      await Promise.race([once(stream, "readable"), once(stream, "close"), once(stream, "end")]);
    } else {
      chunks.push(chunk);
      left -= chunk.length;
    }
  }
  return Buffer.concat(chunks);
}

async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "end");
  return Buffer.concat(chunks);
}

/** Opens a link and a stream, says something, and fails with what either fails with. */
async function useBriefly(transport: Transport): Promise<never> {
  const { signal } = new AbortController();
  await using link = await transport.connect(signal);
  const stream = await link.openStream(signal);
  stream.on("error", () => {});
  stream.write(taskHeader("echo"));
  stream.resume();
  await Promise.race([once(stream, "close"), once(stream, "end")]).catch(() => {});
  throw stream.errored ?? new Error("The stream ended without a reason.");
}

async function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(() => resolve());
  await promise;
}

/** A port that nobody listens on. */
async function unusedPort(): Promise<{ host: string; port: number }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return { host: "127.0.0.1", port };
}
