import { expect, test } from "vitest";
import type { DoctorReport } from "#lib/protocol.ts";
import { walkOnceHeard } from "../../../../scripts/repair-nat/verify.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

const { signal } = new AbortController();

function report(code: string): DoctorReport {
  return { verdict: { code, summary: "", fix: "" }, probes: [], ms: 1 };
}

test("the walk waits for an agent that is not back yet, as long as agents have", async () => {
  const clock = createDrivenClock();
  const walk = async () => report(clock.nowMs() < 60_000 ? "ssm.agent-offline" : "ok");
  expect((await walkOnceHeard({ walk, leftMs: 180_000, clock, signal }))?.verdict.code).toBe("ok");
  expect(clock.nowMs()).toBe(60_000);
});

test.each([
  ["ssm.agent-offline", 10_000],
  ["ssm.refused", 0],
])("%s is what it says after %i ms: nothing else is waited for, and that not for longer", async (code, ms) => {
  const clock = createDrivenClock();
  const found = await walkOnceHeard({ walk: async () => report(code), leftMs: 10_000, clock, signal });
  expect(found?.verdict.code).toBe(code);
  expect(clock.nowMs()).toBe(ms);
});
