import { describe, expect, it } from "vitest";
import { type ColumnKind, describeUnsuited, toText } from "#lib/migrate/seed/write/values.ts";

const column = (kind: ColumnKind) => ({ name: "c", type: "its type", kind });

describe("toText", () => {
  it.each<[ColumnKind, unknown, string | null]>([
    ["text", "it's", "it's"],
    ["text", "", ""],
    ["text", null, null],
    ["number", 12.5, "12.5"],
    ["number", "12345678901234567890.10", "12345678901234567890.10"],
    ["number", -0, "0"],
    ["boolean", true, "true"],
    ["boolean", "off", "off"],
    ["json", { a: [1, null] }, '{"a":[1,null]}'],
    ["json", "text", '"text"'],
    ["json", null, null],
    ["array", [], "{}"],
    ["array", ["a,b", 'say "x"', "\\", "NULL", null, "{}"], '{"a,b","say \\"x\\"","\\\\","NULL",NULL,"{}"}'],
    ["array", [[1, 2], [true]], '{{"1","2"},{"true"}}'],
    ["array", "{1,2}", "{1,2}"],
  ])("writes for a column of kind %s %j as %j", (kind, value, text) => {
    expect(toText(value, column(kind))).toBe(text);
  });

  it.each<[ColumnKind, unknown, RegExp]>([
    ["text", 1234, /takes a string, not a number/],
    ["text", { a: 1 }, /takes a string, not an object/],
    ["text", undefined, /not undefined/],
    ["text", "\ud800", /not valid Unicode/],
    ["number", true, /takes a number or a string, not a boolean/],
    ["number", 2 ** 53, /cannot hold exactly: write it as a string/],
    ["number", Number.NaN, /cannot hold exactly/],
    ["boolean", 1, /takes a boolean or a string, not a number/],
    ["array", { a: 1 }, /takes an array/],
    ["array", [{ a: 1 }], /takes an array of scalars/],
  ])("takes for a column of kind %s no %j", (kind, value, problem) => {
    expect(toText(value, column(kind))).toBeUndefined();
    expect(describeUnsuited(value, column(kind))).toMatch(problem);
  });

  it("says what a column takes without showing the value", () => {
    expect(describeUnsuited({ card: "4111" }, column("text"))).toBe(
      "column c (its type) takes a string, not an object",
    );
  });
});
