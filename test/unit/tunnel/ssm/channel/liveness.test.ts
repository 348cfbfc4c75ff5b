import { expect, test } from "vitest";
import { untilSilent } from "#lib/tunnel/ssm/channel/liveness.ts";
import { createSteppedClock } from "../../../../support/stepped-clock.ts";

/** The other side answers every ping at once, as long as it does. */
function watch({ hasPonged = true, isReading = true } = {}) {
  const clock = createSteppedClock();
  const stop = new AbortController();
  const seen = { pings: 0, isSilent: false, answers: true, heardAtMs: 0 };
  const liveness = {
    clock,
    ping: () => {
      seen.pings += 1;
      if (seen.answers) seen.heardAtMs = clock.nowMs();
    },
    heardAtMs: () => seen.heardAtMs,
    hasPonged: () => hasPonged,
    isReading: () => isReading,
  };
  const run = async () => {
    await untilSilent(liveness, stop.signal);
    seen.isSilent = true;
  };
  const done = run().catch(() => undefined);
  return { clock, seen, end: async () => (stop.abort(), done) };
}

test("pings at once, and every 20 s while it is answered", async () => {
  const { clock, seen, end } = watch();
  await clock.advance(60_500);
  expect([seen.pings, seen.isSilent]).toEqual([4, false]);
  await end();
});

test("a ping that is not answered within 10 s is silence", async () => {
  const { clock, seen, end } = watch();
  await clock.advance(15_000);
  seen.answers = false;
  await clock.advance(14_900);
  expect(seen.isSilent).toBe(false);
  await clock.advance(1200);
  expect(seen.isSilent).toBe(true);
  await end();
});

test.each([{ hasPonged: false }, { isReading: false }])("silence says nothing with %o", async (options) => {
  const { clock, seen, end } = watch(options);
  seen.answers = false;
  await clock.advance(120_000);
  expect(seen.isSilent).toBe(false);
  await end();
});
