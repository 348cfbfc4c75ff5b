import { describe, expect, it } from "vitest";
import { withoutLiterals } from "#lib/migrate/sql/without-literals.ts";

describe("SQL without its literals", () => {
  it.each([
    [
      "strings",
      "select * from a where mail = 'eve@example.com' and x = ''",
      "select * from a where mail = … and x = …",
    ],
    ["doubled quotes", "select 'it''s', b", "select …, b"],
    ["escape strings", String.raw`select E'it\'s \\', b`, "select …, b"],
    ["bit, hex, national and Unicode strings", "select b'01', X'ff', n'x', U&'x', c", "select …, …, …, …, c"],
    ["dollar quotes", "do $$ 'a' $b$ $$; select $b$ $$ $b$, c", "do …; select …, c"],
    ["numbers", "select 1, -2.5, .5, 1e-9, 0xFF, 1_000 limit 10", "select …, -…, …, …, …, … limit …"],
    ["a number behind a name's end", "select t1.c2 from t1 where a=1", "select t1.c2 from t1 where a=…"],
  ])("hides %s", (_, sql, expected) => {
    expect(withoutLiterals(sql)).toBe(expected);
  });

  it("keeps names and parameters, quoted or not", () => {
    const sql = `select "it's 5", "a""b", größe, a$1$b from x2 where id = $12`;
    expect(withoutLiterals(sql)).toBe(sql);
  });

  it.each([
    ["of a line", "select a -- of 'Eve'\n from b", "select a  \n from b"],
    ["that nest", "select /* 'Eve /* 5 */ ' */ a", "select   a"],
    ["without an end", "select a /* of 'Eve", "select a  "],
  ])("drops comments %s", (_, sql, expected) => {
    expect(withoutLiterals(sql)).toBe(expected);
  });

  it.each(["'secret", "E'secret", String.raw`E'secret\'`, "$$secret", "$x$secret$x", String.raw`E'secret\ `.trim()])(
    "hides a literal that the server has cut: %s",
    (literal) => {
      expect(withoutLiterals(`select ${literal}`)).toBe("select …");
    },
  );

  it("hides all that follows where a backslash makes the end of a string doubtful", () => {
    expect(withoutLiterals(String.raw`select 'it\'s secret', 'more'`)).toBe("select …");
  });

  it("leaves no part of any literal, wherever the text is cut", () => {
    const sql = String.raw`insert into a values ('secret', E'\'secret''', $x$secret$x$, 4711, b'0', "n") -- secret`;
    const first = sql.indexOf("(");
    for (let end = first; end <= sql.length; end += 1) {
      expect(withoutLiterals(sql.slice(0, end)).slice(first)).not.toMatch(/s|[0-9]{2}/u);
    }
  });
});
