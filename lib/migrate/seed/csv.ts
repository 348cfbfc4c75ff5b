import { isUtf8 } from "node:buffer";
import { type CastingContext, CsvError, type Options, parse } from "csv-parse/sync";
import { PosternError } from "#lib/base/errors.ts";
import type { SeedContent } from "./content.ts";
import { scanCsv } from "./csv-scan.ts";
import type { SeedRow } from "./files.ts";

/** Whole rows of a CSV file, as they stand there. */
export type CsvPiece = {
  readonly bytes: Buffer;
  /** Of the file, from 1. */
  readonly firstLine: number;
  readonly lines: number;
  readonly rows: number;
  /** The server may be given these bytes: it reads them as `parseCsvRows` does. */
  readonly isPlain: boolean;
};

type CsvHeader = {
  readonly columns: readonly string[];
  /** Where the rows start. */
  readonly end: CsvPlace;
};

/** A CSV file behind its header. */
export type CsvText = {
  readonly content: SeedContent;
  readonly columns: readonly string[];
  readonly start: CsvPlace;
};

/** How much of a file is before it. */
export type CsvPlace = { readonly bytes: number; readonly lines: number };

/** Pieces are about this long; a longer row makes a longer one. */
const pieceBytes = 512 * 1024;
/** A row is held in memory as a whole; a longer one is a file that is not CSV. */
const maxRowBytes = 16 * 1024 * 1024;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Reads the first row, which names the columns.
 *
 * @throws PosternError `seed.invalid-file`
 */
export async function readCsvHeader(content: SeedContent, name: string): Promise<CsvHeader> {
  const start = { bytes: 0, lines: 0 };
  for await (const piece of readPieces(content, start, name, 1)) {
    const markBytes = piece.bytes.subarray(0, 3).equals(byteOrderMark) ? 3 : 0;
    const [row] = parseText(piece.bytes.subarray(markBytes), { to: 1, info: true }, piece, name) as InfoRow[];
    if (row === undefined) break;
    const { record, info } = row;
    const columns = record.map((column) => column ?? "");
    refuseHeader(columns, name);
    return { columns, end: { bytes: markBytes + info.bytes, lines: info.lines } };
  }
  throw new PosternError("seed.invalid-file", `${name} is empty.`, { hint: headerHint });
}

const headerHint = "The first line of a CSV file names the table's columns, with commas between them.";

function refuseHeader(columns: readonly string[], name: string): void {
  const problem = columns.includes("")
    ? "names a column without a name"
    : new Set(columns).size < columns.length
      ? "names a column twice"
      : undefined;
  if (problem === undefined) return;
  throw new PosternError("seed.invalid-file", `${name} line 1 ${problem}.`, { hint: headerHint });
}

/**
 * The rows from a place on, in pieces that end where a row ends. The next piece is read while the one before is used.
 *
 * @throws PosternError `seed.invalid-file`
 */
export async function* readPieces(
  content: SeedContent,
  from: CsvPlace,
  name: string,
  minBytes: number = pieceBytes,
): AsyncGenerator<CsvPiece> {
  let { lines: linesBefore } = from;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let wantedBytes = minBytes;
  for await (const bytes of content.read(from.bytes)) {
    pending.push(bytes);
    pendingBytes += bytes.length;
    if (pendingBytes < wantedBytes) continue;
    const joined = Buffer.concat(pending, pendingBytes);
    const { end, rows, lines, isPlain } = scanCsv(joined);
    if (end > 0) {
      yield { bytes: joined.subarray(0, end), firstLine: linesBefore + 1, lines, rows, isPlain };
      linesBefore += lines;
    }
    const rest = joined.subarray(end);
    if (rest.length > maxRowBytes) throw tooLong(name, linesBefore + 1);
    pending = [rest];
    pendingBytes = rest.length;
    // What is left of a long row is not looked at again before there is twice as much.
    wantedBytes = Math.max(minBytes, rest.length * 2);
  }
  if (pendingBytes > 0) yield lastPiece(Buffer.concat(pending, pendingBytes), linesBefore);
}

/** The last row may lack its line end. */
function lastPiece(bytes: Buffer, linesBefore: number): CsvPiece {
  const { end, rows, lines, isPlain, isOpen } = scanCsv(bytes);
  const isCut = end < bytes.length;
  return {
    bytes,
    firstLine: linesBefore + 1,
    lines: isCut ? lines + 1 : lines,
    rows: isCut ? rows + 1 : rows,
    isPlain: isPlain && !isOpen,
  };
}

function tooLong(name: string, line: number): PosternError {
  const message = `${name} line ${line}: a row is longer than ${maxRowBytes} bytes.`;
  return new PosternError("seed.invalid-file", message, { hint: "A quote that is not closed does that." });
}

/**
 * Takes rows apart as COPY's CSV format does: an empty field is NULL, an empty one in quotes is empty text. A row is named by
 * the line where it starts.
 *
 * @throws PosternError `seed.invalid-file` with the line
 */
export function* parseCsvRows(piece: CsvPiece, columns: readonly string[], name: string): Generator<SeedRow> {
  let number = piece.firstLine;
  for (const { values, lastLine } of takeApart(piece, name)) {
    if (values.length !== columns.length) {
      const seen = `${values.length} ${values.length === 1 ? "field" : "fields"}`;
      const message = `${name} line ${number} has ${seen}: the first line names ${columns.length} columns.`;
      throw new PosternError("seed.invalid-file", message);
    }
    yield { number, columns, values };
    number = lastLine + 1;
  }
}

type CsvRow = { readonly values: readonly (string | null)[]; readonly lastLine: number };

function* takeApart(piece: CsvPiece, name: string): Generator<CsvRow> {
  if (piece.lines === piece.rows) {
    let lastLine = piece.firstLine - 1;
    for (const values of parseText(piece.bytes, {}, piece, name) as string[][]) {
      lastLine += 1;
      yield { values, lastLine };
    }
    return;
  }
  // Asked for only where a row may have several lines: it costs.
  for (const { record, info } of parseText(piece.bytes, { info: true }, piece, name) as InfoRow[]) {
    yield { values: record, lastLine: piece.firstLine - 1 + info.lines };
  }
}

/** `lines` and `bytes` up to the end of the row. */
type InfoRow = {
  readonly record: (string | null)[];
  readonly info: { readonly bytes: number; readonly lines: number };
};

function parseText(bytes: Buffer, options: Options, piece: CsvPiece, name: string): unknown[] {
  if (!isUtf8(bytes)) throw notUtf8(piece, name);
  try {
    return parse(bytes, {
      ...options,
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      // Only with two quotes can a field be empty text, and asking at every field costs a third of the time.
      ...(bytes.includes('""') ? { cast: keepQuotedEmpty } : { on_record: emptyToNull }),
    });
  } catch (error) {
    throw toCsvError(error, piece, name);
  }
}

function keepQuotedEmpty(text: string, { quoting }: CastingContext): string | null {
  return text === "" && !quoting ? null : text;
}

/** Typed as the parser's callback is; with `info` it is given both. */
function emptyToNull(row: string[]): string[] {
  const values: (string | null)[] = Array.isArray(row) ? row : (row as InfoRow).record;
  for (let index = values.indexOf(""); index !== -1; index = values.indexOf("", index + 1)) values[index] = null;
  return row;
}

const faults: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quote is not closed",
  INVALID_OPENING_QUOTE: "there is a quote in the middle of a field",
  CSV_INVALID_CLOSING_QUOTE: "there is text behind a closing quote",
};

/** The parser's own words quote the field. */
function toCsvError(error: unknown, piece: CsvPiece, name: string): unknown {
  if (!(error instanceof CsvError)) return error;
  const line = piece.firstLine - 1 + Number(error["lines"]);
  const fault = faults[error.code] ?? error.code;
  return new PosternError("seed.invalid-file", `${name} line ${line}: ${fault}.`, {
    hint: 'A field with a quote in it is written in quotes, with that quote doubled: "say ""hello""".',
  });
}

function notUtf8(piece: CsvPiece, name: string): PosternError {
  let line = piece.firstLine;
  let start = 0;
  for (let end = nextEnd(piece.bytes, start); isUtf8(piece.bytes.subarray(start, end));) {
    line += 1;
    start = end;
    end = nextEnd(piece.bytes, start);
  }
  const message = `${name} line ${line} is not UTF-8.`;
  return new PosternError("seed.invalid-file", message, { hint: "Save the file as UTF-8." });
}

function nextEnd(bytes: Buffer, start: number): number {
  const at = bytes.indexOf("\n", start);
  return at === -1 ? bytes.length : at + 1;
}
