import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Clock } from "#lib/base/clock.ts";
import { raceAddresses, type Race } from "#lib/doctor/probes/race.ts";
import { startMuteServer } from "../../../support/mute-server.ts";
import { createSteppedClock } from "../../../support/stepped-clock.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function startServer(host: string, port = 0): Promise<number> {
  const server = createServer((socket) => socket.destroy()).listen(port, host);
  await once(server, "listening");
  stack.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const startMute = async (host: string, port = 0) => stack.use(await startMuteServer(host, port));

/** Time stands still. Each head start is told as it begins, counted from 1. */
function observe(onHeadStart: (turn: number) => void = () => {}) {
  const clock = createSteppedClock();
  let turn = 0;
  const watched: Clock = {
    ...clock,
    sleep: async (ms, signal) => {
      const sleep = clock.sleep(ms, signal);
      onHeadStart((turn += 1));
      return sleep;
    },
  };
  return { clock, watched };
}

const { signal } = new AbortController();

function outcomeOf({ winner, runners }: Race) {
  winner?.socket.destroy();
  return { winner: winner?.address, runners: runners.map(({ address, errno }) => [address, errno]) };
}

const [first, second] = ["127.0.0.1", "127.0.0.2"];

test("one that answers in its head start runs alone", async () => {
  const port = await startServer(first);
  const race = raceAddresses({ addresses: [first, second], port, clock: createSteppedClock(), signal });
  expect(outcomeOf(await race)).toEqual({ winner: first, runners: [[first, undefined]] });
});

test("the next sets out at once when one is refused, and not before its head start is over when it is silent", async () => {
  const port = await startServer(second);
  const refused = await raceAddresses({ addresses: [first, second], port, clock: createSteppedClock(), signal });
  expect(outcomeOf(refused)).toEqual({
    winner: second,
    runners: [
      [first, "ECONNREFUSED"],
      [second, undefined],
    ],
  });

  const mute = await startMute(first);
  await startServer(second, mute.port);
  const { clock, watched } = observe();
  let isOver = false;
  const racing = raceAddresses({ addresses: [first, second], port: mute.port, clock: watched, signal });
  void racing.then(() => (isOver = true));
  await clock.advance(249);
  expect([clock.sleeping, isOver]).toEqual([1, false]);
  await clock.advance(1);
  expect(outcomeOf(await racing)).toEqual({
    winner: second,
    runners: [
      [first, undefined],
      [second, undefined],
    ],
  });
});

test("one whose head start is over still wins where it answers first", async () => {
  const mute = await startMute(first);
  await startMute(second, mute.port);
  const { clock, watched } = observe((turn) => {
    if (turn === 2) mute.goOn();
  });
  const racing = raceAddresses({ addresses: [first, second], port: mute.port, clock: watched, signal });
  await clock.advance(250);
  const race = await racing;
  expect(race.runners.map(({ socket }) => socket.destroyed)).toEqual([false, true]);
  expect(outcomeOf(race).winner).toBe(first);
});

test("nobody wins where all are refused, or the signal ends the wait", async () => {
  const mute = await startMute(first);
  const refused = await raceAddresses({
    addresses: ["127.0.0.3", second],
    port: mute.port,
    clock: createSteppedClock(),
    signal,
  });
  expect(outcomeOf(refused)).toEqual({
    winner: undefined,
    runners: [
      ["127.0.0.3", "ECONNREFUSED"],
      [second, "ECONNREFUSED"],
    ],
  });

  const stop = new AbortController();
  const { watched } = observe(() => stop.abort());
  const stopped = await raceAddresses({ addresses: [first], port: mute.port, clock: watched, signal: stop.signal });
  expect(outcomeOf(stopped)).toEqual({ winner: undefined, runners: [[first, undefined]] });
  expect(stopped.runners.map(({ socket }) => socket.destroyed)).toEqual([true]);
});
