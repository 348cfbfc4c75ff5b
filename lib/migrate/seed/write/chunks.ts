import { createHash, type Hash } from "node:crypto";
import { toCopyText } from "./copy-text.ts";
import { type CsvPiece, type CsvText, parseCsvRows, readPieces } from "../format/csv.ts";
import type { SeedFile } from "../source/files.ts";
import { buildInsert, type SeedInsert } from "./insert.ts";
import type { SeedMark } from "./marks.ts";
import { readBatches, type SeedBatch } from "./rows.ts";
import type { SeedTarget } from "./target.ts";

/** Rows that are written in one transaction, and where the file stands behind them. */
export type SeedChunk = {
  readonly insert: SeedInsert;
  readonly rows: number;
  /** What COPY is sent; absent where only our own parser may read the rows. */
  readonly copy?: CopyRows;
  readonly end: ChunkEnd;
  /** The same rows, to be inserted. */
  batches(): AsyncGenerator<SeedBatch>;
  /** Where the row with that index (from 0) stands in the file: its line or number. */
  numberAt(index: number): Promise<number>;
};

export type CopyRows = { readonly format: "csv" | "text"; readonly data: readonly Buffer[] };

export type ChunkEnd = Pick<SeedMark, "rows" | "bytes" | "lines" | "digest">;

/** `chunkBytes`: of CSV; 8 MiB take a fifth of a second. `chunkRows`: of rows that are made here. */
export type ChunkSizes = { readonly chunkBytes: number; readonly chunkRows: number; readonly batchRows: number };

/**
 * The file in chunks, from its start or from where an earlier run got to. A mark is trusted when what is before it is what
 * was loaded then, by its version or by its checksum.
 *
 * @returns undefined when the mark is about another file
 * @throws PosternError `seed.invalid-file`
 */
export async function readChunks(
  file: SeedFile,
  target: SeedTarget,
  sizes: ChunkSizes,
  mark?: ChunkEnd,
): Promise<AsyncGenerator<SeedChunk> | undefined> {
  return file.csv === undefined
    ? await readRowChunks(file, target, sizes, mark)
    : await readCsvChunks(file, file.csv, target, sizes, mark);
}

async function readCsvChunks(
  file: SeedFile,
  csv: CsvText,
  target: SeedTarget,
  sizes: ChunkSizes,
  mark: ChunkEnd | undefined,
): Promise<AsyncGenerator<SeedChunk> | undefined> {
  const version = await csv.content.version();
  const insert = buildInsert(target, csv.columns, { where: file.name, conflict: file.conflict });
  const start = { rows: 0, digest: "", ...(mark ?? csv.start) };
  let hash: Hash | undefined;
  if (version === undefined) {
    hash = await hashBytes(csv, start.bytes);
    if (mark !== undefined && digestOf(hash) !== mark.digest) return undefined;
  } else if (mark !== undefined && version !== mark.digest) return undefined;

  return (async function* () {
    let { rows, bytes, lines } = start;
    for await (const pieces of groupPieces(readPieces(csv.content, start, file.name), sizes.chunkBytes)) {
      for (const piece of pieces) {
        rows += piece.rows;
        bytes += piece.bytes.length;
        lines += piece.lines;
        hash?.update(piece.bytes);
      }
      const end = { rows, bytes, lines, digest: hash === undefined ? (version ?? "") : digestOf(hash) };
      yield toCsvChunk(file, csv, { target, insert, sizes, pieces, end });
    }
  })();
}

function toCsvChunk(
  file: SeedFile,
  csv: CsvText,
  about: {
    readonly target: SeedTarget;
    readonly insert: SeedInsert;
    readonly sizes: ChunkSizes;
    readonly pieces: readonly CsvPiece[];
    readonly end: ChunkEnd;
  },
): SeedChunk {
  const { target, insert, sizes, pieces, end } = about;
  const rowsOfPieces = async function* () {
    for (const piece of pieces) yield* parseCsvRows(piece, csv.columns, file.name);
  };
  const data = pieces.map(({ bytes }) => bytes);
  return {
    insert,
    rows: pieces.reduce((sum, piece) => sum + piece.rows, 0),
    ...(pieces.every(({ isPlain }) => isPlain) ? { copy: { format: "csv", data } } : {}),
    end,
    batches: () => readBatches({ ...file, rows: rowsOfPieces }, target, sizes),
    numberAt: async (index) => {
      let at = 0;
      for await (const { number } of rowsOfPieces()) {
        if (at === index) return number;
        at += 1;
      }
      return end.lines;
    },
  };
}

async function* groupPieces(pieces: AsyncIterable<CsvPiece>, minBytes: number): AsyncGenerator<CsvPiece[]> {
  let group: CsvPiece[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    group.push(piece);
    bytes += piece.bytes.length;
    if (bytes < minBytes) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

async function hashBytes({ content }: CsvText, byteCount: number): Promise<Hash> {
  const hash = createHash("sha256");
  let left = byteCount;
  for await (const bytes of content.read(0)) {
    hash.update(bytes.subarray(0, left));
    left -= bytes.length;
    if (left <= 0) break;
  }
  return hash;
}

/** Rows that are made here are made again up to the mark: there is no other way into the middle of code. */
async function readRowChunks(
  file: SeedFile,
  target: SeedTarget,
  sizes: ChunkSizes,
  mark: ChunkEnd | undefined,
): Promise<AsyncGenerator<SeedChunk> | undefined> {
  const chunks = makeRowChunks(file, target, sizes);
  if (mark === undefined || mark.rows === 0) return chunks;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    const { rows, digest } = next.value.end;
    if (rows === mark.rows && digest === mark.digest) return chunks;
    if (rows >= mark.rows) break;
  }
  await chunks.return(undefined);
  return undefined;
}

async function* makeRowChunks(file: SeedFile, target: SeedTarget, sizes: ChunkSizes): AsyncGenerator<SeedChunk> {
  const hash = createHash("sha256");
  let rows = 0;
  for await (const batch of readBatches(file, target, { batchRows: sizes.chunkRows })) {
    const data = toCopyText(batch.values, batch.numbers.length);
    hash.update(batch.insert.sql).update(data);
    rows += batch.numbers.length;
    yield {
      insert: batch.insert,
      rows: batch.numbers.length,
      copy: { format: "text", data: [data] },
      end: { rows, bytes: 0, lines: 0, digest: digestOf(hash) },
      batches: () => splitBatch(batch, sizes.batchRows),
      numberAt: async (index) => batch.numbers[index] ?? rows,
    };
  }
}

async function* splitBatch(batch: SeedBatch, batchRows: number): AsyncGenerator<SeedBatch> {
  for (let from = 0; from < batch.numbers.length; from += batchRows) {
    const to = from + batchRows;
    yield {
      insert: batch.insert,
      values: batch.values.map((column) => column.slice(from, to)),
      numbers: batch.numbers.slice(from, to),
    };
  }
}

function digestOf(hash: Hash): string {
  return `sha256:${hash.copy().digest("hex")}`;
}
