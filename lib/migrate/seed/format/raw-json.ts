/** ECMAScript's JSON source text access, which Node 24 has and TypeScript's library does not name yet. */
const json = JSON as typeof JSON & {
  rawJSON(text: string): { readonly rawJSON: string };
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
};

/**
 * A number that is long, or has an exponent: a double may not hold it. Numbers begin the text, or stand behind one of these signs;
 * looked for there, few strings are taken for one, and a line costs a third. One that is costs a slower parse.
 */
const mayLoseDigits = /(?:^|[:,[\s-])\d(?:[\d.]{15}|[\d.]*[eE])/u;

/** JSON in which a number that a double cannot hold stays as it is written, for `JSON.stringify` and `writtenNumber`. */
export function parseExactly(text: string): unknown {
  return mayLoseDigits.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
}

/** The digits of a number that was kept as it is written; undefined for any other value. */
export function writtenNumber(value: unknown): string | undefined {
  return json.isRawJSON(value) ? value.rawJSON : undefined;
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return json.rawJSON(source);
}
