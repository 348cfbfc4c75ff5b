import { expect, test } from "vitest";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "#lib/postgres/quote.ts";

test.each([
  ["orders", '"orders"'],
  ["Order Lines", '"Order Lines"'],
  ['say "hi"', '"say ""hi"""'],
  ["select", '"select"'],
])("the identifier %s is quoted so that SQL reads it back", (name, quoted) => {
  expect(quoteIdentifier(name)).toBe(quoted);
});

test("schema and name are quoted apart, so that a dot in either stays in it", () => {
  expect(quoteQualified("a.b", "c")).toBe('"a.b"."c"');
});

test.each([
  ["plain", "'plain'"],
  ["it's", "'it''s'"],
  ["back\\slash'", "E'back\\\\slash'''"],
])("the literal %s is quoted so that SQL reads it back", (value, quoted) => {
  expect(quoteLiteral(value)).toBe(quoted);
});

test("a NUL, at which the server would stop reading, is refused", () => {
  expect(() => quoteIdentifier("a\0b")).toThrow(RangeError);
  expect(() => quoteLiteral("a\0b")).toThrow(RangeError);
});

test("an empty identifier, which SQL does not have, is refused", () => {
  expect(() => quoteIdentifier("")).toThrow(RangeError);
});
