import { describe, expect, test } from "vitest";
import { createReceiver } from "#lib/local/gateway/receiver.ts";
import type { Message } from "#lib/ssm-protocol/message.ts";

describe("the agent's incoming messages", () => {
  test("are processed once and in order, whatever order they come in, and acknowledged as they come", () => {
    const { receive, processed, acknowledged } = start();
    for (const number of [2, 0, 1, 1, 0, 3]) receive(number);
    expect(processed).toEqual([0, 1, 2, 3]);
    expect(acknowledged).toEqual([2, 0, 1, 1, 0, 3]);
  });

  test("one that the agent is not ready for is as if it had not come", () => {
    const { receive, processed, acknowledged, state } = start();
    state.isReady = false;
    receive(0);
    receive(1);
    expect([processed, acknowledged]).toEqual([[], []]);
    state.isReady = true;
    receive(0);
    expect([processed, acknowledged]).toEqual([[0], [0]]);
  });

  test("is acknowledged when it has been taken, and those behind it wait", async () => {
    const { receive, processed, acknowledged, state } = start();
    const { promise, resolve } = Promise.withResolvers<void>();
    state.work = promise;
    receive(1);
    receive(0);
    receive(2);
    expect([processed, acknowledged]).toEqual([[0], [1]]);
    state.work = undefined;
    resolve();
    await state.idle.promise;
    expect([processed, acknowledged]).toEqual([
      [0, 1, 2],
      [1, 0, 2],
    ]);
  });

  test("those that are too early are bounded; beyond it they are dropped without an acknowledgement", () => {
    const { receive, acknowledged } = start();
    for (let number = 1; number <= 100_001; number += 1) receive(number);
    expect([acknowledged.length, acknowledged.at(-1)]).toEqual([100_000, 100_000]);
  });

  test("one that cannot be processed breaks the session, also among those that were kept", () => {
    const { receive, broken, acknowledged, state } = start();
    receive(1);
    state.brokenAt = 1;
    receive(0);
    expect(broken).toEqual([new Error("broken at 1")]);
    expect(acknowledged).toEqual([1, 0]);
  });
});

function start() {
  const processed: number[] = [];
  const acknowledged: number[] = [];
  const broken: unknown[] = [];
  const state = {
    isReady: true,
    work: undefined as Promise<void> | undefined,
    brokenAt: -1,
    idle: Promise.withResolvers<void>(),
  };
  const receiver = createReceiver({
    isReady: () => state.isReady,
    process: ({ sequenceNumber }) => {
      if (sequenceNumber === state.brokenAt) throw new Error(`broken at ${sequenceNumber}`);
      processed.push(sequenceNumber);
      return state.work;
    },
    acknowledge: ({ sequenceNumber }) => acknowledged.push(sequenceNumber),
    onBroken: (error) => broken.push(error),
    onIdle: () => state.idle.resolve(),
  });
  const receive = (sequenceNumber: number) => receiver.receive({ sequenceNumber } as Message);
  return { receive, processed, acknowledged, broken, state };
}
