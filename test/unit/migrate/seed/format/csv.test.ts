import { describe, expect, it } from "vitest";
import type { SeedContent } from "#lib/migrate/seed/source/content.ts";
import { parseCsvRows, readCsvHeader, readPieces } from "#lib/migrate/seed/format/csv.ts";
import { scanCsv } from "#lib/migrate/seed/format/csv-scan.ts";

/** Gives the text in reads of so many bytes. */
function contentOf(text: string, readBytes: number): SeedContent {
  const bytes = Buffer.from(text);
  return {
    size: async () => bytes.length,
    version: async () => undefined,
    async *read(fromByte) {
      for (let at = fromByte; at < bytes.length; at += readBytes) yield bytes.subarray(at, at + readBytes);
    },
  };
}

async function readAll(text: string, readBytes: number, minBytes: number) {
  const content = contentOf(text, readBytes);
  const { columns, end } = await readCsvHeader(content, "f");
  const rows: unknown[] = [];
  let bytes = end.bytes;
  for await (const piece of readPieces(content, end, "f", minBytes)) {
    bytes += piece.bytes.length;
    for (const { number, values } of parseCsvRows(piece, columns, "f")) rows.push([number, ...values]);
  }
  return { columns, rows, bytes };
}

describe("a CSV file", () => {
  const text = '\uFEFFa,"b ""x"""\r\n1,"two\r\nlines, ""ü€😀"""\r\n,""\r\n"3",\r\n4,end';
  const expected = {
    columns: ["a", 'b "x"'],
    rows: [
      [2, "1", 'two\r\nlines, "ü€😀"'],
      [4, null, ""],
      [5, "3", null],
      [6, "4", "end"],
    ],
    bytes: Buffer.byteLength(text),
  };

  it("gives the same rows and lines wherever its reads are cut", async () => {
    for (let size = 1; size <= Buffer.byteLength(text); size += 1) {
      expect(await readAll(text, size, 1)).toEqual(expected);
      expect(await readAll(text, size, 20)).toEqual(expected);
    }
  });

  it("refuses a row without end", async () => {
    const endless = `a,b\n1,"${"x".repeat(17 * 1024 * 1024)}\n2,3\n`;
    const reading = readAll(endless, 1024 * 1024, 512 * 1024);
    await expect(reading).rejects.toMatchObject({ message: "f line 2: a row is longer than 16777216 bytes." });
  });
});

const scan = (text: string) => scanCsv(Buffer.from(text));

describe("scanCsv", () => {
  it.each([
    ["whole rows and a part of one", "1,a\n2,b\n3", { end: 8, rows: 2, lines: 2, isOpen: false }],
    ["a line break in quotes", '1,"a\nb"\n2,"c\n', { end: 8, rows: 1, lines: 2, isOpen: true }],
    ["no row at all", "1,a", { end: 0, rows: 0, lines: 0, isOpen: false }],
  ])("finds the end of the last row in %s", (_, text, expected) => {
    expect(scan(text)).toEqual({ ...expected, isPlain: true });
  });

  it.each([
    ['1,"a ""b"""\r\n"",""\r\n', true],
    ['1,a"b"\n', false],
    ['1,"a" \n', false],
    ["1,a\rb\n", false],
    ['1,"a\rb"\n', true],
    ["\\.\n", false],
    ["1\n\\.\n", false],
    ["1,\\.\n", true],
  ])("says of %j whether PostgreSQL and RFC 4180 read it alike: %j", (text, isPlain) => {
    expect(scan(text).isPlain).toBe(isPlain);
  });
});
