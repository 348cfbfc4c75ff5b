import { expect, test } from "vitest";
import type { LinkVitals } from "#lib/tunnel/transport.ts";
import { judgeSilence, type SilenceMeaning } from "#lib/tunnel/silence.ts";

const live: LinkVitals = { state: "live", silentMs: 60_000, openStreams: 1, bytesUp: 0, bytesDown: 0 };
const calm = { vitals: live, hasDelivered: false, hasWoken: false, awaitedMs: undefined, doubtedMs: undefined };
const resuming = { ...live, state: "resuming" } as const;
const busy = { ...live, isBusy: true };

test.each<[string, Partial<Parameters<typeof judgeSilence>[0]>, SilenceMeaning]>([
  ["the first time it is doubted", {}, "doubt"],
  ["the second time it is dead", { doubtedMs: 500 }, "replace"],
  ["after waking it is dead at once", { hasWoken: true }, "replace"],
  ["one that brought bytes for others lives", { hasDelivered: true, doubtedMs: 500 }, "well"],
  ["also after waking", { hasDelivered: true, hasWoken: true }, "well"],
  ["one that resumes is given time", { vitals: resuming, doubtedMs: 500 }, "doubt"],
  ["one that resumes is given time after waking, too", { vitals: resuming, hasWoken: true }, "doubt"],
  ["one that resumes has some seconds while a client waits", { vitals: resuming, awaitedMs: 7_999 }, "doubt"],
  ["and not more", { vitals: resuming, awaitedMs: 8_000 }, "replace"],
  ["also if it brought bytes just before", { vitals: resuming, hasDelivered: true }, "doubt"],
  ["but any time while nobody does", { vitals: resuming, doubtedMs: 3_600_000 }, "doubt"],
  ["one that is busy could not have answered", { vitals: busy }, "trust"],
  ["nor if it was doubted before", { vitals: busy, doubtedMs: 500 }, "trust"],
  ["one that was busy before the machine slept may be dead", { vitals: busy, hasWoken: true }, "replace"],
  ["unless it was heard since", { vitals: { ...busy, silentMs: 1_999 }, hasWoken: true }, "trust"],
])("%s", (_, silence, meaning) => {
  expect(judgeSilence({ ...calm, ...silence })).toBe(meaning);
});
