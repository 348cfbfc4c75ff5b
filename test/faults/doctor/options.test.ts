import { expect, test } from "vitest";
import { readLabArguments } from "./options.ts";

test("what is typed is what is looked at", () => {
  expect(readLabArguments([])).toEqual({ draws: 20, only: /(?:)/u, load: 0, json: false, docs: false });
  expect(
    readLabArguments(["--healthy", "1000", "--load", "4", "--at-once", "2", "--seed", "7", "--docs"]),
  ).toMatchObject({ healthy: 1000, load: 4, atOnce: 2, seed: 7, docs: true });
  expect(readLabArguments(["--help", "--pairs", "1"])).toBe("help");
});

test.each([
  [["--draws", "abc"], "--draws abc: expected a whole number, 1 at least."],
  [["--draws", "0"], "--draws 0: expected"],
  [["--seed", "x"], "--seed x: expected a whole number, 0 at least."],
  [["--load", "1.5"], "--load 1.5: expected"],
  [["--only", "["], "--only [: expected a regular expression."],
  [["--nope"], "Unknown option '--nope'"],
  [["certificates"], "Unexpected argument 'certificates'"],
])("%j is refused before anything is started", (args, message) => {
  expect(() => readLabArguments(args)).toThrow(message);
});
