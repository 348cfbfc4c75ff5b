import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { decodeMessage, type Message, messageTypes, payloadTypes } from "#lib/ssm-protocol/message.ts";
import { createReliableStream, type ReliableStream } from "#lib/tunnel/ssm/channel/reliable-stream.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";
import { createLossyNetwork, type Odds } from "../../../../support/lossy-network.ts";
import { seededRandom } from "../../../../support/seeded-random.ts";

type End = { readonly stream: ReliableStream; readonly received: Uint8Array[] };

/** More than any of these takes. */
const limitMs = 120_000;

/** Client and agent over a network in driven time. */
function createPair(odds: Odds, seed: number, options: { windowMessages?: number; paceBytesPerMs?: number } = {}) {
  const clock = createDrivenClock();
  const network = createLossyNetwork(clock, odds, seed);
  const client: End = { stream: createReliableStream({ clock, ...options }), received: [] };
  const agent: End = { stream: createReliableStream({ clock, ...options, sends: "output" }), received: [] };

  function pump(from: End, to: End): void {
    for (let frame = from.stream.next(); frame !== undefined; frame = from.stream.next()) {
      network.carry(frame, (arrived) => {
        for (const { payload } of to.stream.receive(decodeMessage(arrived))) to.received.push(Uint8Array.from(payload));
      });
    }
  }

  /** Until nothing is left to do. */
  async function run(): Promise<void> {
    for (;;) {
      // Writers go on when their bytes were taken.
      await Promise.resolve();
      pump(client, agent);
      pump(agent, client);
      await Promise.resolve();
      const times = [network.nextAtMs(), client.stream.nextAtMs(), agent.stream.nextAtMs()];
      const next = Math.min(...times.filter((atMs) => atMs !== undefined));
      if (next === Infinity) return;
      if (next > limitMs) throw new Error("It is still being sent again after a long time.");
      clock.advance(Math.max(0, next - clock.nowMs()));
      network.deliverDue();
    }
  }
  return { clock, client, agent, run };
}

/** In pieces of 1 byte to 5,000. */
function makePieces(total: number, seed: number): Buffer[] {
  const random = seededRandom(seed);
  const pieces: Buffer[] = [];
  for (let left = total; left > 0; left -= pieces.at(-1)?.length ?? 0) {
    pieces.push(random.bytes(Math.min(left, 1 + random.below(5000))));
  }
  return pieces;
}

async function writeAll(stream: ReliableStream, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) await stream.write(piece);
}

const digest = (parts: readonly Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");

describe("whatever the network does, up to a fifth of it", () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    "all bytes arrive once and in order (seed %i)",
    async (seed) => {
      const odd = seededRandom(seed + 1000);
      const odds = { loss: odd.fraction() * 0.2, repeat: odd.fraction() * 0.2, reorder: odd.fraction() * 0.2 };
      const { client, agent, run } = createPair(odds, seed, seed % 3 === 0 ? { windowMessages: 16 } : {});
      const [up, down] = [makePieces(60_000, seed), makePieces(60_000, seed + 500)];
      const written = Promise.all([writeAll(client.stream, up), writeAll(agent.stream, down)]);
      await run();
      await written;
      expect([digest(agent.received), digest(client.received)]).toEqual([digest(up), digest(down)]);
      expect([client.stream.stuckMs(), agent.stream.stuckMs()]).toEqual([0, 0]);
    },
  );

  test("a thousand lost messages are not recovered one at a time", async () => {
    const { clock, client, agent, run } = createPair({ loss: 0.2, repeat: 0, reorder: 0 }, 7);
    const bytes = Buffer.alloc(4_000_000, "x");
    const written = client.stream.write(bytes);
    await run();
    await written;
    expect(Buffer.concat(agent.received).length).toBe(bytes.length);
    // At the official client's rate the 1,400 lost ones would take 140 s.
    expect(clock.nowMs()).toBeLessThan(20_000);
  });
});

const quiet = { loss: 0, repeat: 0, reorder: 0 };

const drain = (stream: ReliableStream) => {
  const messages: Message[] = [];
  for (let frame = stream.next(); frame !== undefined; frame = stream.next()) messages.push(decodeMessage(frame));
  return messages;
};

test("a lost acknowledgement and a lost message after it stop nothing", async () => {
  const clock = createDrivenClock();
  const client = createReliableStream({ clock });
  const agent = createReliableStream({ clock, sends: "output" });
  void agent.write(Buffer.from("one"));
  const [one] = drain(agent);
  client.receive(one!);
  drain(client); // its acknowledgement is lost
  void agent.write(Buffer.from("two"));
  drain(agent); // lost, too
  clock.advance(300);
  const again = drain(agent);
  expect(again.map(({ payload }) => payload.toString())).toEqual(["one", "two"]);
  const delivered = again.flatMap((message) => client.receive(message)).map(({ payload }) => payload.toString());
  expect(delivered).toEqual(["two"]);
  for (const acknowledgement of drain(client)) agent.receive(acknowledgement);
  expect(agent.nextAtMs()).toBeUndefined();
});

test("a writer waits while the window is full, and goes on with the first acknowledgement", async () => {
  const clock = createDrivenClock();
  const stream = createReliableStream({ clock, windowMessages: 2 });
  const agent = createReliableStream({ clock, sends: "output" });
  let isTaken = false;
  const markTaken = async () => {
    await stream.write(Buffer.alloc(3 * 1024));
    isTaken = true;
  };
  void markTaken();
  const sent = drain(stream);
  await Promise.resolve();
  expect([sent.length, isTaken]).toEqual([2, false]);
  agent.receive(sent[0]!);
  for (const acknowledgement of drain(agent)) stream.receive(acknowledgement);
  expect(drain(stream).map(({ sequenceNumber }) => sequenceNumber)).toEqual([2]);
  await Promise.resolve();
  await Promise.resolve();
  expect(isTaken).toBe(true);
});

test("small writes that wait go out as one message", () => {
  const stream = createReliableStream({ clock: createDrivenClock() });
  for (const text of ["a", "bc", "def"]) void stream.write(Buffer.from(text));
  expect(drain(stream).map(({ payload }) => payload.toString())).toEqual(["abcdef"]);
});

test("a flag overtakes bytes that wait, and tells when it was acted on", async () => {
  const { client, agent, run } = createPair(quiet, 1, { windowMessages: 1 });
  void client.stream.write(Buffer.alloc(10 * 1024, "b"));
  let isAnswered = false;
  client.stream.sendControl(payloadTypes.flag, Buffer.from("flag"), () => {
    isAnswered = true;
  });
  await run();
  expect(isAnswered).toBe(true);
  expect(Buffer.concat(agent.received).subarray(0, 4).toString()).toBe("flag");
});

test("on a new socket all that was not acknowledged goes again at once, with its old numbers", async () => {
  const clock = createDrivenClock();
  const stream = createReliableStream({ clock });
  void stream.write(Buffer.alloc(3 * 1024));
  const first = drain(stream);
  expect(drain(stream)).toEqual([]);
  stream.startOver();
  expect(drain(stream)).toEqual(first);
});

test("nothing counts as lost while nothing is read", () => {
  const clock = createDrivenClock();
  const stream = createReliableStream({ clock });
  void stream.write(Buffer.from("x"));
  drain(stream);
  stream.setReading(false);
  clock.advance(60_000);
  expect([drain(stream), stream.nextAtMs(), stream.stuckMs()]).toEqual([[], undefined, 0]);
  stream.setReading(true);
  expect(drain(stream)).toEqual([]);
  clock.advance(200);
  expect(drain(stream)).toHaveLength(1);
});

test("the pace holds for what is sent again, too", () => {
  const clock = createDrivenClock();
  const stream = createReliableStream({ clock, paceBytesPerMs: 1024 });
  void stream.write(Buffer.alloc(100 * 1024));
  let bytes = 0;
  for (const endMs = clock.nowMs() + 1000; clock.nowMs() < endMs; clock.advance(1)) {
    for (let frame = stream.next(); frame !== undefined; frame = stream.next()) bytes += frame.length;
  }
  // Nothing is acknowledged: after 100 messages all are copies.
  expect(bytes).toBeGreaterThan(200 * 1024);
  expect(bytes).toBeLessThan(1010 * 1024);
});

test("messages of a type that is not for this side are the caller's to leave out; a reader's numbers are its own", () => {
  const clock = createDrivenClock();
  const client = createReliableStream({ clock });
  void client.write(Buffer.from("up"));
  const [up] = drain(client);
  expect([up?.type, up?.sequenceNumber, up?.flags]).toEqual([messageTypes.input, 0, 0]);
});

test("whoever waits to write learns why it ended, and so does whoever writes later", async () => {
  const stream = createReliableStream({ clock: createDrivenClock() });
  const waiting = stream.write(Buffer.from("x"));
  stream.fail(new Error("over"));
  await expect(waiting).rejects.toThrow("over");
  await expect(stream.write(Buffer.from("y"))).rejects.toThrow("over");
});
