import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { createMux } from "#lib/tunnel/ssm/mux.ts";
import { mutate } from "../../../support/mutate.ts";
import { seededRandom } from "../../../support/seeded-random.ts";
import { fin, nop, psh, smuxFrame, syn } from "../../../support/smux-bytes.ts";

const rounds = 100_000;
const maxHeldBytes = 50_000;

test("mutated frames are taken, or end every stream with the reason: nothing else, and nothing is left", async () => {
  const random = seededRandom();
  const unexpected: unknown[] = [];
  const claim = (isTrue: boolean, what: string) => {
    if (!isTrue) unexpected.push(what);
  };
  let violations = 0;
  let received = 0;

  const open = () => {
    const mux = createMux({ write: async () => undefined }, { maxHeldBytes });
    const streams = Array.from({ length: 4 }, (_, index) => {
      const stream: Duplex = mux.openStream();
      stream.on("error", (error: unknown) => {
        if (!(error instanceof PosternError && error.code === "ssm.protocol")) unexpected.push(error);
      });
      // One of them is never read.
      if (index > 0) stream.on("data", (data: Buffer) => (received += data.length));
      return stream;
    });
    return { mux, streams };
  };

  let { mux, streams } = open();
  for (let round = 0; round < rounds; round += 1) {
    if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    const command = random.pick([syn, psh, psh, psh, psh, psh, psh, nop, ...(random.below(20) === 0 ? [fin] : [])]);
    const data = command === psh ? random.bytes(random.below(300)) : undefined;
    const whole = smuxFrame(command, random.pick([3, 5, 7, 9, 11, 2]), data);
    let isOver = false;
    try {
      // Who is asked to wait does so: here, until another mux is there.
      isOver = mux.receive(random.below(10) === 0 ? mutate(whole, random) : whole) !== undefined;
      claim(isOver === mux.isFull, `round ${round}: it asks to wait while it is full`);
    } catch (error) {
      if (!(error instanceof PosternError && error.code === "ssm.protocol")) unexpected.push(error);
      violations += 1;
      isOver = true;
      claim(mux.openStreams === 0, `round ${round}: a violation ends every stream`);
    }
    if (!isOver && mux.openStreams > 0) continue;
    mux.close();
    for (const stream of streams) stream.destroy();
    claim(mux.openStreams === 0 && !mux.isFull, `round ${round}: nothing is left`);
    ({ mux, streams } = open());
  }
  mux.close();
  expect({ seed: random.seed, unexpected }).toEqual({ seed: random.seed, unexpected: [] });
  expect(violations).toBeGreaterThan(100);
  expect(received).toBeGreaterThan(100_000);
}, 60_000);
