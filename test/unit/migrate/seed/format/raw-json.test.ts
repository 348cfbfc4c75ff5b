import { expect, it } from "vitest";
import { parseExactly } from "#lib/migrate/seed/format/raw-json.ts";
import { toText } from "#lib/migrate/seed/write/values.ts";

it.each([
  "1234567890123456789",
  "0.1234567890123456789012",
  "1e400",
  "-1.5E-400",
  "-1234567890123456789",
  "100000000000.123456789",
  "42",
  "0.5",
])("keeps %s digit for digit in a column of JSON and in one of numbers", (text) => {
  const value = parseExactly(text);
  expect(toText(value, { name: "j", type: "jsonb", kind: "json" })).toBe(text);
  expect(toText(value, { name: "n", type: "numeric", kind: "number" })).toBe(text);
  const inside = (parseExactly(`{"a":[${text}]}`) as { a: unknown }).a;
  expect(toText(inside, { name: "j", type: "jsonb", kind: "json" })).toBe(`[${text}]`);
  const spaced = (parseExactly(`{"a" :\t[ 1,${text} ]}`) as { a: unknown }).a;
  expect(toText(spaced, { name: "j", type: "jsonb", kind: "json" })).toBe(`[1,${text}]`);
});
