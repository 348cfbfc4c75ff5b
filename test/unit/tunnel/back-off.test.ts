import { expect, test } from "vitest";
import { backOffMs } from "#lib/tunnel/back-off.ts";

const alone = { isAwaited: false, outageMs: 0 };
const delays = (random: number) =>
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 1000].map((failures) => backOffMs({ ...alone, failures }, random));

test("doubles from 0.2 s to 15 s, and stays there", () => {
  expect(delays(0.999_999)).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000, 15_000]);
});

test("leaves the upper half of each wait to chance", () => {
  expect(delays(0)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 7500, 7500, 7500]);
  expect(backOffMs({ ...alone, failures: 1 }, 0.5)).toBe(150);
});

test("is short while a client waits, and less so when that has gone on for a minute", () => {
  const awaited = { isAwaited: true, outageMs: 59_999 };
  const young = [1, 2, 3, 9].map((failures) => backOffMs({ ...awaited, failures }, 0.999_999));
  expect(young).toEqual([200, 400, 500, 500]);
  const old = [1, 2, 3, 9].map((failures) => backOffMs({ ...awaited, failures, outageMs: 60_000 }, 0.999_999));
  expect(old).toEqual([200, 400, 800, 3000]);
});

test("takes other bounds", () => {
  expect(backOffMs({ ...alone, failures: 9 }, 0, { initialDelayMs: 10, maxDelayMs: 1000 })).toBe(500);
});
