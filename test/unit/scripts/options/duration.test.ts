import { expect, test } from "vitest";
import { parseDuration, parsePositiveDuration } from "../../../../scripts/options/duration.ts";

test.each([
  ["500ms", 500],
  ["1.5s", 1500],
  ["2m", 120_000],
  ["1h", 3_600_000],
  ["0s", 0],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "10", "s", "-1s", "1 s", "1d", "1e3ms"])("%j is no duration", (text) => {
  expect(() => parseDuration(text)).toThrow("with a unit");
});

test("a limit that 0 would lift is at least a millisecond", () => {
  expect(() => parsePositiveDuration("0ms")).toThrow("at least 1ms");
  expect(parsePositiveDuration("1ms")).toBe(1);
});
