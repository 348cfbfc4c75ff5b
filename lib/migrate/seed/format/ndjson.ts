import { isUtf8 } from "node:buffer";
import { PosternError } from "#lib/base/errors.ts";
import { parseExactly } from "./raw-json.ts";
import type { SeedContent } from "../source/content.ts";
import type { SeedRow } from "../source/files.ts";

/** A line is held in memory as a whole; a longer one is a file that is not NDJSON. */
const maxLineBytes = 16 * 1024 * 1024;
const newline = 0x0a;

/**
 * Rows of a file with one JSON object a line, read as a stream. Blank lines are skipped; lines may end in CR LF.
 * Rows with the same keys, in any order, share one `columns` array.
 *
 * @throws PosternError `seed.invalid-file` with the line
 */
export async function* readNdjson(content: SeedContent, name: string): AsyncGenerator<SeedRow> {
  let columns: readonly string[] = [];
  let number = 0;
  for await (const lines of readLines(content, name)) {
    for (const line of lines) {
      number += 1;
      if (line.trim() === "") continue;
      const row = parseLine(line, `${name} line ${number}`);
      if (!hasExactly(row, columns)) columns = Object.keys(row);
      yield { number, columns, values: columns.map((column) => row[column]) };
    }
  }
}

function parseLine(line: string, where: string): Readonly<Record<string, unknown>> {
  const row = parseJson(line, where);
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new PosternError("seed.invalid-file", `${where} is not a JSON object.`, { hint: formatHint });
  }
  if (Object.keys(row).length === 0) {
    throw new PosternError("seed.invalid-file", `${where} has no columns.`, { hint: formatHint });
  }
  return row as Record<string, unknown>;
}

function parseJson(line: string, where: string): unknown {
  try {
    return parseExactly(line);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // V8 quotes the text around the fault, which may be data: only its first words say what is wrong.
    const fault = reason.replace(/,? ".*$/s, "");
    throw new PosternError("seed.invalid-file", `${where} is not JSON: ${fault}.`, { hint: formatHint });
  }
}

const formatHint = "One JSON object a line, its keys the table's columns.";

function hasExactly(row: Readonly<Record<string, unknown>>, columns: readonly string[]): boolean {
  return Object.keys(row).length === columns.length && columns.every((column) => Object.hasOwn(row, column));
}

/** The lines that end in each chunk. A newline byte is never part of a longer UTF-8 sequence, so cutting there is safe. */
async function* readLines(content: SeedContent, name: string): AsyncGenerator<string[]> {
  let rest: Buffer = Buffer.alloc(0);
  let done = 0;
  for await (const chunk of content.read(0)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(newline) + 1;
    rest = bytes.subarray(end);
    if (rest.length > maxLineBytes) {
      throw new PosternError("seed.invalid-file", `${name}: a line is longer than ${maxLineBytes} bytes.`, {
        hint: formatHint,
      });
    }
    if (end === 0) continue;
    const lines = decode(bytes.subarray(0, end - 1), { name, linesBefore: done });
    done += lines.length;
    yield lines;
  }
  if (rest.length > 0) yield decode(rest, { name, linesBefore: done });
}

function decode(bytes: Buffer, from: { readonly name: string; readonly linesBefore: number }): string[] {
  if (!isUtf8(bytes)) {
    const line = from.linesBefore + 1 + countLinesBeforeFault(bytes);
    throw new PosternError("seed.invalid-file", `${from.name} line ${line} is not UTF-8.`, {
      hint: "Save the file as UTF-8.",
    });
  }
  const text = bytes.toString("utf8");
  // Some editors open a file with a byte order mark.
  return (from.linesBefore === 0 ? text.replace(/^\uFEFF/, "") : text).split("\n");
}

function countLinesBeforeFault(bytes: Buffer): number {
  let count = 0;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(newline, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return count;
    count += 1;
    start = end + 1;
  }
}
