import { expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { report, steps } from "../../../support/doctor-reports.ts";
import { createSteppedClock } from "../../../support/stepped-clock.ts";
import { watchReports } from "../../../../scripts/doctor/watch.ts";

const well = report("ok", steps("here", "dns tcp"));
const refused = report("tcp.refused", steps("here", "dns !tcp"));

/** Looks every ten seconds, and finds one after the other; the last for ever. */
function startWatch(...found: readonly (DoctorReport | Error)[]) {
  const clock = createSteppedClock();
  const abort = new AbortController();
  const told: string[] = [];
  let line = "";
  let looks = 0;
  const watching = watchReports({
    intervalMs: 10_000,
    look: async () => {
      const one = found[Math.min(looks, found.length - 1)];
      looks += 1;
      if (one === undefined || one instanceof Error) throw one;
      return one;
    },
    showReport: async ({ verdict }) => void told.push(verdict.code),
    showChange: async (from, to) => void told.push(`${from.verdict.code} → ${to.verdict.code}: ${to.verdict.summary}`),
    output: { status: (text) => (line = text) },
    clock,
    signal: abort.signal,
  });
  return { clock, abort, told, watching, line: () => line, looks: () => looks };
}

test("tells the first report, and then only what changes, at a constant interval", async () => {
  const watch = startWatch(refused, refused, { ...refused, ms: 99 }, well);
  await watch.clock.advance(0);
  expect(watch.told).toEqual(["tcp.refused"]);
  expect(watch.line()).toBe("tcp.refused since 00:00:00, next look 00:00:10 UTC · 1 so far · Ctrl-C ends it");
  await watch.clock.advance(29_999);
  expect([watch.looks(), watch.told.length]).toEqual([3, 1]);
  await watch.clock.advance(1);
  expect(watch.line()).toMatch(/^ok since 00:00:30, next look .* · 4 so far/u);
  expect(watch.told[1]).toBe("tcp.refused → ok: Everything that was tried answers, through to a query.");
  watch.abort.abort();
  await watch.watching;
  expect([watch.line(), watch.clock.sleeping]).toEqual(["", 0]);
});

test("a stage that cannot be read any more is a finding, and a defect is an error", async () => {
  const gone = startWatch(well, new PosternError("stage.not-running", "The local stage does not run."), well);
  await gone.clock.advance(20_000);
  expect(gone.told).toEqual([
    "ok",
    "ok → stage.not-running: The local stage does not run.",
    "stage.not-running → ok: Everything that was tried answers, through to a query.",
  ]);
  gone.abort.abort();

  const broken = startWatch(well, new TypeError("a defect"));
  const failed = broken.watching.catch((error: unknown) => error);
  await broken.clock.advance(10_000);
  expect(await failed).toEqual(new TypeError("a defect"));
});

test("what cannot be examined at first is an error, as without --watch", async () => {
  await expect(startWatch(new PosternError("stage.unknown", "no such stage")).watching).rejects.toThrow(
    "no such stage",
  );
});
