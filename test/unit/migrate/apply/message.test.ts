import { describe, expect, it, test } from "vitest";
import { composeMessage, placeOf, toFileOffset } from "#lib/migrate/apply/message.ts";

const head = ["reset all", "begin"];
const tail = ["select record()", "commit"];

test("a message has the file between head and tail, its breakpoints as semicolons of the same length", () => {
  const text = "create table a ()\n--> statement-breakpoint\ncreate table b () -- the end";
  const { sql } = composeMessage(text, 2, { head, tail });
  expect(sql).toBe(
    `reset all;\nbegin;\ncreate table a ()\n\n;${" ".repeat(22)}\ncreate table b () -- the end\n;select record();\ncommit`,
  );
});

describe("a position in the message", () => {
  it.each([
    ["plain", "select nope", 7],
    ["behind characters beyond the BMP", "select '🏰🏰', nope", "select '🏰🏰', ".length],
    ["behind a byte order mark", "\uFEFFselect nope", 8],
    ["behind a breakpoint", "select 1--> statement-breakpoint\nselect nope", 40],
  ])("is the file's: %s", (_, text, offset) => {
    const message = composeMessage(text, 1, { head, tail });
    const position = Array.from(message.sql.slice(0, message.sql.indexOf("nope"))).length + 1;
    expect(toFileOffset(message, text, position)).toBe(offset);
    expect(text.slice(offset, offset + 4)).toBe("nope");
  });

  it.each([["1"], ["7"], [undefined], ["x"], ["9999"]])("outside of the file is none (%s)", (position) => {
    expect(toFileOffset(composeMessage("select 1", 1, { head, tail }), "select 1", position)).toBeUndefined();
  });
});

test("the number of completed statements says where it stopped", () => {
  const message = composeMessage("select 1; select 2", 2, { head, tail });
  const places = [0, 1, 2, 3, 4, 5].map((completed) => placeOf(message, completed, tail.length));
  expect(places).toEqual([
    { part: "head" },
    { part: "head" },
    { part: "file", number: 1 },
    { part: "file", number: 2 },
    { part: "recording" },
    { part: "committing" },
  ]);
});
