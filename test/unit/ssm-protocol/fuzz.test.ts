import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { decodeMessage, payloadTypes } from "#lib/ssm-protocol/message.ts";
import {
  decodeAcknowledge,
  decodeChannelClosed,
  decodeFlag,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
} from "#lib/ssm-protocol/payloads.ts";
import { createSmuxDecoder } from "#lib/ssm-protocol/smux.ts";
import { mutate } from "../../support/mutate.ts";
import { seededRandom, type SeededRandom } from "../../support/seeded-random.ts";
import { fin, nop, psh, smuxFrame, syn } from "../../support/smux-bytes.ts";
import { ssmMessage } from "../../support/ssm-bytes.ts";

const rounds = 500_000;
const maxGrowthBytes = 64 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What is held, as far as V8 knows: objects, and the memory of buffers. */
function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Runs each round, of which only an `ssm.protocol` error may come; watches the memory. Tells how many it let pass. */
function fuzz(round: (random: SeededRandom) => void): number {
  const random = seededRandom();
  collectGarbage();
  const before = heldBytes();
  let passed = 0;
  for (let index = 0; index < rounds; index += 1) {
    try {
      round(random);
      passed += 1;
    } catch (error) {
      if (error instanceof PosternError && error.code === "ssm.protocol") continue;
      throw new Error(`Round ${index} with POSTERN_TEST_SEED=${random.seed}`, { cause: error });
    }
    if (index % 50_000 === 0) {
      collectGarbage();
      const growth = heldBytes() - before;
      if (growth > maxGrowthBytes)
        throw new Error(`${growth} bytes more after round ${index} with POSTERN_TEST_SEED=${random.seed}`);
    }
  }
  return passed;
}

describe("mutated", () => {
  test("messages are read or refused: no other error, no hang, no memory kept", { timeout: 120_000 }, () => {
    const texts = [
      '{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageId":"b","AcknowledgedMessageSequenceNumber":12,"IsSequentialMessage":true}',
      '{"AgentVersion":"3.3.1142.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":{"host":"db"}}}]}',
      '{"HandshakeTimeToComplete":1,"CustomerMessage":""}',
      '{"MessageType":"channel_closed","SessionId":"s","Output":"over"}',
    ].map((text) => Buffer.from(text));
    const flag = Buffer.from("00000003", "hex");
    const decoders = [
      decodeAcknowledge,
      decodeHandshakeRequest,
      decodeHandshakeComplete,
      decodeChannelClosed,
      decodeFlag,
    ];
    const passed = fuzz((random) => {
      const which = random.below(6);
      const original = texts[which] ?? (which === 4 ? flag : random.bytes(random.below(64)));
      // In half of the rounds the damage comes before the digest: the payload's reader sees it then.
      const isInside = random.fraction() < 0.5;
      const frame = ssmMessage({
        type: random.pick(["output_stream_data", "acknowledge", "channel_closed", "start_publication"]),
        created: 1_700_000_000_000n,
        sequence: BigInt(random.below(1000)),
        flags: 0n,
        id: "0123456789abcdeffedcba9876543210",
        payloadType: payloadTypes.data,
        payload: isInside ? mutate(original, random) : original,
      });
      const { payload } = decodeMessage(isInside ? frame : mutate(frame, random));
      decoders[which]?.(payload);
    });
    expect(passed).toBeGreaterThan(rounds / 100);
    expect(passed).toBeLessThan(rounds);
  });

  test("frames of smux are read or refused: no other error, no hang, no memory kept", { timeout: 120_000 }, () => {
    let decoder = createSmuxDecoder();
    let given = 0;
    let taken = 0;
    fuzz((random) => {
      const command = random.pick([syn, fin, psh, psh, nop]);
      const data = command === psh ? random.bytes(random.below(60)) : undefined;
      const whole = smuxFrame(command, random.below(9), data);
      const frame = random.fraction() < 0.5 ? mutate(whole, random) : whole;
      given += frame.length;
      try {
        for (const one of decoder.push(frame)) taken += one.command === "push" ? one.data.length : 0;
      } catch (error) {
        decoder = createSmuxDecoder();
        throw error;
      }
    });
    expect(taken).toBeGreaterThan(given / 100);
    expect(taken).toBeLessThan(given);
  });
});
