/** What one look at the bytes of a CSV file tells, without taking the fields apart. */
export type CsvScan = {
  /** Behind the last row that is whole. */
  readonly end: number;
  /** Up to there. A row with line breaks in quotes has several lines. */
  readonly rows: number;
  readonly lines: number;
  /**
   * PostgreSQL and RFC 4180 read it alike. False for a quote in the middle of a field (PostgreSQL takes it, RFC 4180 does not),
   * a carriage return alone, and a line that starts with `\.` (before PostgreSQL 18 the end of the data, without an error).
   */
  readonly isPlain: boolean;
  /** Behind `end` a quote is open. */
  readonly isOpen: boolean;
};

const newline = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;
const comma = 0x2c;
const dot = 0x2e;
const backslash = 0x5c;

/**
 * Finds the rows in bytes that start where a row starts. One pass over the bytes: every quote opens or closes, whatever is
 * around it, which holds for `""` too. The bytes of a longer UTF-8 sequence are none of those looked for.
 */
export function scanCsv(bytes: Uint8Array): CsvScan {
  let end = 0;
  let rows = 0;
  let lines = 0;
  let linesAtEnd = 0;
  let isPlain = true;
  let isOpen = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) {
      isOpen = !isOpen;
      isPlain &&= isOpen ? mayOpen(bytes[at - 1]) : mayClose(bytes[at + 1]);
    } else if (byte === newline) {
      lines += 1;
      if (!isOpen) {
        rows += 1;
        linesAtEnd = lines;
        end = at + 1;
      }
    } else if (byte === carriageReturn) {
      isPlain &&= isOpen || isOneOf(bytes[at + 1], newline, undefined);
    } else if (byte === backslash) {
      isPlain &&= !(isOneOf(bytes[at - 1], newline, undefined) && bytes[at + 1] === dot);
    }
  }
  return { end, rows, lines: linesAtEnd, isPlain, isOpen };
}

/** At the start of a field, or as the second of `""`. */
function mayOpen(before: number | undefined): boolean {
  return before === comma || before === newline || before === quote || before === undefined;
}

function mayClose(after: number | undefined): boolean {
  return after === comma || after === newline || after === carriageReturn || after === quote || after === undefined;
}

function isOneOf(byte: number | undefined, ...wanted: readonly (number | undefined)[]): boolean {
  return wanted.includes(byte);
}
