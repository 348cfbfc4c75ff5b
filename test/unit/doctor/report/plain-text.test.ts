import { expect, test } from "vitest";
import { plainText } from "#lib/doctor/report/plain-text.ts";

test.each([
  ["\u001b[31mred\u001b[0m", "\\x1b[31mred\\x1b[0m"],
  ["\u001b]0;title\u0007", "\\x1b]0;title\\x07"],
  ["a\u0000b\u007fc\u009bd", "a\\x00b\\x7fc\\x9bd"],
  ["abc\u202egnp.exe", "abc\\u{202e}gnp.exe"],
  ["zero\u200bwidth\u2060", "zero\\u{200b}width\\u{2060}"],
  ["two\r\n  lines\tand\u2028more", "two lines and more"],
  ["grün, 日本, 👍", "grün, 日本, 👍"],
])("%j is shown as %j", (text, expected) => {
  expect(plainText(text)).toBe(expected);
});

test("a server that never ends has an end here", () => {
  expect(plainText("x".repeat(1_000_000))).toHaveLength(600);
  expect(plainText("👍".repeat(1000), 9).isWellFormed()).toBe(true);
});
