/**
 * Rows in COPY's text format: a tab between values, a newline behind a row, `\N` for NULL, a backslash before what would be
 * taken for one of these.
 *
 * @param values one array a column, one text a row
 */
export function toCopyText(values: readonly (readonly (string | null)[])[], rowCount: number): Buffer {
  const lines: string[] = [];
  for (let row = 0; row < rowCount; row += 1) {
    lines.push(values.map((column) => toField(column[row] ?? null)).join("\t"));
  }
  lines.push("");
  return Buffer.from(lines.join("\n"));
}

const special = /[\\\n\r\t]/;

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function toField(text: string | null): string {
  if (text === null) return "\\N";
  return special.test(text) ? text.replaceAll(/[\\\n\r\t]/g, (character) => escapes[character] ?? character) : text;
}
