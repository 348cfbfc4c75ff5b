/** What stands in the place of a literal. */
const hidden = "…";

/**
 * SQL without what a row may hold: each string and each number is `…`, comments are gone, names and parameters (`$1`) stay.
 * Works on what is no whole statement too, for the server cuts what it tells of a query: a literal without an end goes to the
 * end of the text.
 *
 * Where a plain literal ends at a quote behind a backslash depends on `standard_conforming_strings` of a session that is not
 * ours, so everything from there on is hidden.
 */
export function withoutLiterals(sql: string): string {
  let text = "";
  for (let at = 0; at < sql.length;) {
    const [end, replacement] = readToken(sql, at);
    text += replacement ?? sql.slice(at, end);
    at = end;
  }
  return text;
}

/** Where a token ends, and what stands for it; undefined: itself. */
type Token = readonly [end: number, replacement?: string];

/** Keyed by how a token begins, the first that fits wins. What none fits is one character. */
const tokens: readonly (readonly [RegExp, (sql: string, start: number, end: number) => Token])[] = [
  [/--[^\r\n]*/y, (_, __, end) => [end, " "]],
  [/\/\*/y, (sql, start) => [endOfComment(sql, start), " "]],
  [/"(?:[^"]|"")*"?/y, (_, __, end) => [end]],
  [/e'(?:[^'\\]|''|\\.)*'?/isy, (sql, _, end) => [sql[end - 1] === "'" ? end : sql.length, hidden]],
  [/(?:[bxn]|u&)?'(?:[^']|'')*'?/iy, (sql, start, end) => endOfPlain(sql, start, end)],
  [/\$\d+/y, (_, __, end) => [end]],
  [/\$(?:[a-z_\u0080-\uFFFF][\w\u0080-\uFFFF]*)?\$/iy, endOfDollarQuote],
  [/[a-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*/iy, (_, __, end) => [end]],
  [/0[xob][\da-f_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d[\d_]*)?/iy, (_, __, end) => [end, hidden]],
];

function readToken(sql: string, start: number): Token {
  for (const [pattern, read] of tokens) {
    pattern.lastIndex = start;
    if (pattern.test(sql)) return read(sql, start, pattern.lastIndex);
  }
  return [start + 1];
}

/** They nest. */
function endOfComment(sql: string, start: number): number {
  let depth = 0;
  for (const { 0: mark, index } of sql.slice(start).matchAll(/\/\*|\*\//gu)) {
    depth += mark === "/*" ? 1 : -1;
    if (depth === 0) return start + index + mark.length;
  }
  return sql.length;
}

function endOfPlain(sql: string, start: number, end: number): Token {
  const isAmbiguous = /\\'/u.test(sql.slice(start, end));
  return [isAmbiguous ? sql.length : end, hidden];
}

function endOfDollarQuote(sql: string, start: number, end: number): Token {
  const mark = sql.slice(start, end);
  const close = sql.indexOf(mark, end);
  return [close === -1 ? sql.length : close + mark.length, hidden];
}
