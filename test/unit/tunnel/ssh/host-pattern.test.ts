import { expect, test } from "vitest";
import { matchesPattern } from "#lib/tunnel/ssh/host-pattern.ts";

test.each([
  ["", "", true],
  ["", "a", false],
  ["*", "", true],
  ["**", "abc", true],
  ["?", "", false],
  ["a*c", "abbbc", true],
  ["a*c", "abbb", false],
  ["*.*.com", "a.b.com", true],
  ["*ab*ab", "abab", true],
  ["*ab*ab", "aab", false],
  ["a.c", "abc", false],
  ["[a]", "a", false],
  ["DB*", "db1", false],
  ["db1", "db1\n", false],
])("%s and %s: %s", (pattern, text, expected) => {
  expect(matchesPattern(pattern, text)).toBe(expected);
});

test("a pattern made to take for ever takes no time", () => {
  const begun = performance.now();
  expect(matchesPattern(`${"*a".repeat(1000)}b`, "a".repeat(5000))).toBe(false);
  expect(performance.now() - begun).toBeLessThan(1000);
});
