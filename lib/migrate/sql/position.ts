import { mayHoldPassword, withoutQuotedWord } from "./passwords.ts";

/** Characters before the place in which a password is looked for. */
const readBefore = 2000;

/** Columns of the excerpt of a long line, on each side of the caret. */
const around = 40;

/** Line and column, from 1, of an offset in UTF-16 units; the column counts code points. */
export function locate(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: codePoints(before.at(-1) ?? "").length + 1 };
}

/**
 * A message with the line it is about and a caret below the place, as psql shows it:
 *
 * ```
 * 0003_orders.sql:2:9: syntax error at or near "selec"
 * LINE 2: alter selec t;
 *               ^
 * ```
 *
 * Near a password only the place is told: where a statement begins cannot be told from its semicolons, which may be quoted.
 */
export function markPosition(file: string, text: string, offset: number, message: string): string {
  const { line, column } = locate(text, offset);
  const lineEnd = text.indexOf("\n", offset);
  const nearby = text.slice(Math.max(0, offset - readBefore), lineEnd === -1 ? undefined : lineEnd);
  if (mayHoldPassword(nearby)) return `${file}:${line}:${column}: ${withoutQuotedWord(message)}`;
  // A tab would push the caret elsewhere on every terminal.
  const whole = codePoints((text.split("\n", line)[line - 1] ?? "").replaceAll("\t", " ").replace(/\r$/u, ""));
  const from = Math.max(0, column - 1 - around);
  const to = Math.min(whole.length, column - 1 + around);
  const head = `LINE ${line}: ${from > 0 ? "..." : ""}`;
  const excerpt = `${head}${whole.slice(from, to).join("")}${to < whole.length ? "..." : ""}`;
  const caret = `${" ".repeat(head.length + column - 1 - from)}^`;
  return `${file}:${line}:${column}: ${message}\n${excerpt}\n${caret}`;
}

/** A position in code points as one in UTF-16 units. */
export function toCodeUnits(text: string, count: number): number {
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left -= 1) {
    at += (text.codePointAt(at) ?? 0) > 0xff_ff ? 2 : 1;
  }
  return at;
}

function codePoints(text: string): string[] {
  return Array.from(text);
}
