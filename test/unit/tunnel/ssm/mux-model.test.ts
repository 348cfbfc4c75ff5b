import type { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { createMux } from "#lib/tunnel/ssm/mux.ts";
import { seededRandom, type SeededRandom } from "../../../support/seeded-random.ts";
import { psh } from "../../../support/smux-bytes.ts";
import { SmuxServer, type ServerStream } from "../../../support/smux-server.ts";

/**
 * Both sides do whatever they may, in any order, over a pipe that cuts their bytes anywhere. What a stream has to
 * carry is then known from what was done to it, without a word about how.
 */
type Sample = {
  readonly stream: Duplex;
  readonly id: number;
  written: Buffer[];
  received: Buffer[];
  serverWritten: Buffer[];
  clientEnds: boolean;
  clientDestroys: boolean;
  serverEnds: boolean;
  sawEnd: boolean;
};

const maxHeldBytes = 60_000;
const settled = async () => new Promise((resolve) => setImmediate(resolve));

class Both {
  readonly samples: Sample[] = [];
  readonly mux = createMux(
    {
      write: async (bytes) => {
        this.#up = Buffer.concat([this.#up, bytes]);
        const taken = Promise.withResolvers<void>();
        this.#taken.push(taken);
        return taken.promise;
      },
    },
    { maxHeldBytes, frameBytes: 512 },
  );
  readonly server = new SmuxServer((bytes) => {
    this.#down = Buffer.concat([this.#down, bytes]);
  });
  readonly #random: SeededRandom;
  #up = Buffer.alloc(0);
  #down = Buffer.alloc(0);
  #taken: PromiseWithResolvers<void>[] = [];
  #waits = false;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get isIdle(): boolean {
    return this.#up.length === 0 && this.#down.length === 0 && this.#taken.length === 0;
  }

  step(): void {
    const random = this.#random;
    const sample = this.samples.length === 0 ? undefined : random.pick(this.samples);
    const atServer = sample === undefined ? undefined : this.server.streams.get(sample.id);
    const dice = random.below(100);
    if (dice < 4) this.#open();
    else if (dice < 50) this.carry();
    else if (sample === undefined) return;
    else if (dice < 65) this.#write(sample);
    else if (dice < 80) this.#serverWrite(sample, atServer);
    else if (dice < 88) sample.stream.pause();
    else if (dice < 95) sample.stream.resume();
    else if (dice < 97) this.#end(sample);
    else if (dice < 98) this.#destroy(sample);
    else if (atServer !== undefined && !atServer.clientEnded) {
      sample.serverEnds = true;
      atServer.end();
    }
  }

  /** Some bytes go on, in either direction. */
  carry(): void {
    const length = this.#random.pick([1, 7, 8, 9, 300, 5000]);
    if (this.#random.fraction() < 0.5) {
      this.server.receive(this.#up.subarray(0, length));
      this.#up = this.#up.subarray(length);
      if (this.#random.fraction() < 0.8) this.#taken.shift()?.resolve();
      return;
    }
    if (this.#waits) return;
    const waits = this.mux.receive(Buffer.from(this.#down.subarray(0, length)));
    this.#down = this.#down.subarray(length);
    if (waits === undefined) return;
    this.#waits = true;
    void this.#waitFor(waits);
  }

  async #waitFor(room: Promise<void>): Promise<void> {
    await room;
    this.#waits = false;
  }

  #open(): void {
    const sample: Sample = {
      stream: this.mux.openStream(),
      id: 3 + 2 * this.samples.length,
      written: [],
      received: [],
      serverWritten: [],
      clientEnds: false,
      clientDestroys: false,
      serverEnds: false,
      sawEnd: false,
    };
    sample.stream.on("data", (data: Buffer) => sample.received.push(data));
    sample.stream.on("end", () => {
      sample.sawEnd = true;
    });
    sample.stream.on("error", () => undefined);
    this.samples.push(sample);
  }

  #write(sample: Sample): void {
    if (!sample.stream.writable || sample.stream.writableNeedDrain) return;
    const data = this.#random.bytes(this.#random.pick([1, 20, 503, 504, 505, 9000]));
    sample.written.push(data);
    sample.stream.write(data);
  }

  #serverWrite(sample: Sample, atServer: ServerStream | undefined): void {
    if (atServer === undefined || sample.serverEnds || atServer.clientEnded) return;
    const data = this.#random.bytes(this.#random.pick([1, 20, 1000, 40_000]));
    sample.serverWritten.push(data);
    atServer.write(data);
  }

  #end(sample: Sample): void {
    sample.clientEnds = true;
    sample.stream.end();
  }

  #destroy(sample: Sample): void {
    sample.clientDestroys = true;
    sample.stream.destroy();
  }

  /** Everything is read, ended and carried. */
  async finish(): Promise<void> {
    for (const sample of this.samples) {
      sample.stream.resume();
      if (!sample.serverEnds && !sample.clientDestroys) this.#end(sample);
    }
    for (let quiet = 0; quiet < 5;) {
      this.carry();
      await settled();
      quiet = this.isIdle ? quiet + 1 : 0;
    }
  }
}

/** What did not come true of a stream, in words. */
function broken(sample: Sample, atServer: ServerStream | undefined): string[] {
  const { clientEnds, clientDestroys, serverEnds } = sample;
  const up = Buffer.concat(atServer?.received ?? []);
  const [written, received] = [Buffer.concat(sample.written), Buffer.concat(sample.received)];
  const serverWritten = Buffer.concat(sample.serverWritten);
  const claims: [string, boolean][] = [
    ["what the server got was written, in that order", isPrefix(up, written)],
    ["what the client got was written, in that order", isPrefix(received, serverWritten)],
    ["it is over", sample.stream.destroyed],
    ["the server got a FIN, if it knew of the stream", atServer?.clientEnded ?? clientDestroys],
    ["all of it came to the server", !isLeftToClient(sample) || up.equals(written)],
    ["all of it came to the client", clientEnds || clientDestroys || !serverEnds || received.equals(serverWritten)],
    ["its reader was told of the end", clientDestroys || sample.sawEnd],
  ];
  return claims.filter(([, isTrue]) => !isTrue).map(([claim]) => `not true of ${sample.id}: ${claim}`);
}

/** Ended by the client alone, and with care. */
function isLeftToClient({ clientEnds, clientDestroys, serverEnds }: Sample): boolean {
  return clientEnds && !clientDestroys && !serverEnds;
}

function isPrefix(part: Buffer, whole: Buffer): boolean {
  return whole.subarray(0, part.length).equals(part);
}

describe("a mux and a server that do as they like", () => {
  test("carry every byte in order, once, and leave nothing behind", { timeout: 60_000 }, async () => {
    const { seed } = seededRandom();
    const whole = { up: 0, down: 0 };
    for (let run = 0; run < 40; run += 1) {
      const both = new Both(seededRandom(seed + run));
      for (let step = 0; step < 600; step += 1) {
        both.step();
        if (step % 3 === 0) await settled();
      }
      await both.finish();
      const { samples, server, mux } = both;
      const faults = samples.flatMap((sample) => broken(sample, server.streams.get(sample.id)));
      const pushes = server.frames.filter(({ command }) => command === psh).map(({ data }) => data.length);
      const bytesUp = pushes.reduce((sum, length) => sum + length, 0);
      expect(
        { faults, openStreams: mux.openStreams, isFull: mux.isFull, bytesUp: mux.bytesUp },
        `POSTERN_TEST_SEED=${seed + run}`,
      ).toEqual({ faults: [], openStreams: 0, isFull: false, bytesUp });
      expect(Math.max(0, ...pushes)).toBeLessThanOrEqual(504);
      whole.up += samples.filter((sample) => isLeftToClient(sample) && sample.written.length > 0).length;
      whole.down += samples.filter(
        ({ serverEnds, clientEnds, clientDestroys }) => serverEnds && !clientEnds && !clientDestroys,
      ).length;
    }
    // Enough of the runs ended so that all bytes had to arrive.
    expect(whole.up).toBeGreaterThan(40);
    expect(whole.down).toBeGreaterThan(10);
  });
});
