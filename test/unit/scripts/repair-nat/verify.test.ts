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

test("it says so when that time is over, and waits for nothing else", async () => {
  const clock = createDrivenClock();
  const silent = async () => report("ssm.agent-offline");
  expect((await walkOnceHeard({ walk: silent, leftMs: 10_000, clock, signal }))?.verdict.code).toBe(
    "ssm.agent-offline",
  );
  expect(clock.nowMs()).toBe(10_000);
  const refused = async () => report("ssm.refused");
  await walkOnceHeard({ walk: refused, leftMs: 180_000, clock, signal });
  expect(clock.nowMs()).toBe(10_000);
});
