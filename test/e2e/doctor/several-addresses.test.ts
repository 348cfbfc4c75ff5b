import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { openConnection } from "#lib/doctor/probes/tcp.ts";
import { startMuteServer } from "../../support/mute-server.ts";

type Run = { readonly clock?: Clock; readonly signal?: AbortSignal };

async function open(port: number, addresses: readonly string[], run: Run = {}) {
  const { clock = systemClock, signal = AbortSignal.timeout(30_000) } = run;
  const address: DatabaseAddress = { host: "db.example", port, database: "app", user: "ann", sslMode: "verify-full" };
  const { found, ...said } = await openConnection({ address, addresses, open: undefined, clock, signal });
  found.destroy();
  return said;
}

/** No head start ends before its address is refused; the second one's ends the wait. */
function untilSecondIsSilent(): Run {
  const stop = new AbortController();
  let turn = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: async (_ms, signal) => {
      turn += 1;
      if (turn === 2) stop.abort();
      return systemClock.sleep(30_000, signal);
    },
  };
  return { clock, signal: stop.signal };
}

/** Refused by this system at once. */
const unroutable = "255.255.255.255";

test("an address that is slow to answer is waited for where the other has no route", async () => {
  await using mute = await startMuteServer("127.0.0.1");
  const opening = open(mute.port, ["127.0.0.1", unroutable]);
  // Longer than Node's own race gives an address.
  setTimeout(mute.goOn, 400);
  expect(await opening).toEqual({ detail: `connected to 127.0.0.1:${mute.port}` });
});

test("an address that stays silent is told, although another answers", async () => {
  await using mute = await startMuteServer("127.0.0.1");
  const server = createServer((socket) => socket.destroy()).listen(mute.port, "127.0.0.2");
  await once(server, "listening");
  try {
    expect(await open(mute.port, ["127.0.0.1", "127.0.0.2"])).toEqual({
      detail: `connected to 127.0.0.2:${mute.port}`,
      warning: expect.stringContaining("No answer by then from 127.0.0.1:"),
    });
  } finally {
    server.close();
  }
});

test("one that is silent behind the address that answers is not told: psql does not come so far", async () => {
  await using slow = await startMuteServer("127.0.0.1");
  await using _silent = await startMuteServer("127.0.0.2", slow.port);
  let turn = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms, signal) => {
      turn += 1;
      if (turn === 2) slow.goOn();
      return systemClock.sleep(ms, signal);
    },
  };
  expect(await open(slow.port, ["127.0.0.1", "127.0.0.2"], { clock })).toEqual({
    detail: `connected to 127.0.0.1:${slow.port}`,
  });
});

test("what refuses says more than what is silent, and silence more than a missing route", async () => {
  await using mute = await startMuteServer("127.0.0.1");
  const refusing = open(mute.port, ["127.0.0.3", "127.0.0.1"], untilSecondIsSilent());
  await expect(refusing).rejects.toMatchObject({ failure: { kind: "errno", errno: "ECONNREFUSED" } });
  const unreachable = open(mute.port, [unroutable, "127.0.0.1"], untilSecondIsSilent());
  await expect(unreachable).rejects.toMatchObject({ failure: { kind: "timeout" } });
});
