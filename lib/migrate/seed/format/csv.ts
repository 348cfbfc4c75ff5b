import { isUtf8 } from "node:buffer";
import { type CastingContext, CsvError, type Options, parse } from "csv-parse/sync";
import { PosternError } from "#lib/base/errors.ts";
import type { SeedContent } from "../source/content.ts";
import { scanCsv } from "./csv-scan.ts";
import type { SeedRow } from "../source/files.ts";

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
    const bytes = piece.bytes.subarray(markBytes);
    const [row] = parseText(bytes, { to: 1 }, piece, name) as Fields[];
    if (row === undefined) break;
    const columns = row.map((column) => column ?? "");
    refuseHeader(columns, name);
    return { columns, end: { bytes: markBytes + endOfFirstRow(bytes), lines: countLines(row) } };
  }
  throw new PosternError("seed.invalid-file", `${name} is empty.`, { hint: headerHint });
}

function endOfFirstRow(bytes: Buffer): number {
  for (let at = bytes.indexOf("\n"); at !== -1; at = bytes.indexOf("\n", at + 1)) {
    if (scanCsv(bytes.subarray(0, at + 1)).rows === 1) return at + 1;
  }
  return bytes.length;
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
    wantedBytes = Math.max(minBytes, Math.min(rest.length * 2, maxRowBytes + 1));
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
  const mayBreak = piece.lines !== piece.rows;
  let number = piece.firstLine;
  for (const values of takeApart(piece, name)) {
    if (values.length !== columns.length) {
      const seen = `${values.length} ${values.length === 1 ? "field" : "fields"}`;
      const message = `${name} line ${number} has ${seen}: the first line names ${columns.length} columns.`;
      throw new PosternError("seed.invalid-file", message);
    }
    yield { number, columns, values };
    number += mayBreak ? countLines(values) : 1;
  }
}

type Fields = (string | null)[];

function takeApart(piece: CsvPiece, name: string): Iterable<Fields> {
  return piece.bytes.includes('"') || !isUtf8(piece.bytes)
    ? (parseText(piece.bytes, {}, piece, name) as Fields[])
    : splitUnquoted(piece.bytes.toString("utf8"));
}

/** Without a quote every line is a row and every comma ends a field: several times as fast as the parser. */
function* splitUnquoted(text: string): Generator<Fields> {
  for (let start = 0; start < text.length;) {
    const newlineAt = text.indexOf("\n", start);
    const end = newlineAt === -1 ? text.length : newlineAt;
    const isCrLf = newlineAt > start && text[end - 1] === "\r";
    yield emptyToNull(text.slice(start, isCrLf ? end - 1 : end).split(","));
    start = end + 1;
  }
}

/** Of one row. The parser's own count takes CR LF in quotes for two. */
function countLines(values: Fields): number {
  return values.reduce((sum, text) => sum + (text === null ? 0 : text.split("\n").length - 1), 1);
}

function parseText(bytes: Buffer, options: Options, piece: CsvPiece, name: string): unknown[] {
  if (!isUtf8(bytes)) throw notUtf8(piece, name);
  const all = { ...options, record_delimiter: ["\r\n", "\n"], relax_column_count: true };
  try {
    // Only with two quotes can a field be empty text, and asking at every field costs a third of the time.
    return parse(bytes, { ...all, ...(bytes.includes('""') ? { cast: keepQuotedEmpty } : { on_record: emptyToNull }) });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    let line = piece.firstLine;
    const count = (row: Fields) => {
      line += countLines(row);
      return null;
    };
    try {
      parse(bytes, { ...all, on_record: count });
    } catch {
      // The same fault: by now the rows before it are counted.
    }
    throw toCsvError(error, `${name} line ${line}`);
  }
}

function keepQuotedEmpty(text: string, { quoting }: CastingContext): string | null {
  return text === "" && !quoting ? null : text;
}

/** Typed as the parser's callback is. */
function emptyToNull(row: string[]): string[] {
  const values: Fields = row;
  for (let index = values.indexOf(""); index !== -1; index = values.indexOf("", index + 1)) values[index] = null;
  return row;
}

const faults: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quote is not closed",
  INVALID_OPENING_QUOTE: "there is a quote in the middle of a field",
  CSV_INVALID_CLOSING_QUOTE: "there is text behind a closing quote",
};

/** The parser's own words quote the field. */
function toCsvError({ code }: CsvError, where: string): PosternError {
  return new PosternError("seed.invalid-file", `${where}: ${faults[code] ?? code}.`, {
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
