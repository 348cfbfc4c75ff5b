import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import type { CopyRows, SeedChunk } from "./chunks.ts";
import { type MarkKey, type SeedMark, writeMark } from "./marks.ts";
import { advanceSequences } from "./sequence.ts";
import type { SeedTarget } from "./target.ts";
import type { Repeats } from "./repeats.ts";
import { inTransaction, type SeedRun } from "./transaction.ts";

/**
 * Writes a chunk with COPY, in one transaction with the mark that says so: either both are there afterwards, or neither.
 *
 * @returns how many rows the server took (a trigger may have left some out)
 * @throws what `inTransaction` throws; nothing of the chunk is kept
 */
export async function copyChunk(
  client: pg.Client,
  { insert }: Pick<SeedChunk, "insert">,
  copy: CopyRows,
  about: {
    readonly run: SeedRun;
    readonly target: SeedTarget;
    readonly key: MarkKey;
    readonly mark: SeedMark;
    readonly repeats: Repeats;
  },
): Promise<number> {
  const { run, target, key, mark, repeats } = about;
  const columns = insert.columns.map(({ name }) => quoteIdentifier(name)).join(", ");
  return await inTransaction(client, run, async () => {
    const into = `copy ${target.sql} (${columns}) from stdin (format ${copy.format}, encoding 'utf8')`;
    const rowCount = await sendRows(client, into, copy.data);
    // Without an index each chunk would read the whole table; such a sequence is moved at the end.
    const indexed = insert.columns.filter(({ name }) => leadsKey(target, name));
    await advanceSequences(client, target, indexed);
    repeats.remember(await writeMark(client, key, mark));
    return rowCount;
  });
}

function leadsKey({ uniqueKeys }: SeedTarget, column: string): boolean {
  return uniqueKeys.some(({ isPlain, columns }) => isPlain && columns[0] === column);
}

/** The server takes a message in whole before it looks at the first row in it: with long ones it would wait more. */
const messageBytes = 64 * 1024;

export async function sendRows(client: pg.Client, sql: string, data: readonly Buffer[]): Promise<number> {
  const stream = client.query(copyFrom(sql));
  await new Promise<void>((resolve, reject) => {
    stream.once("finish", resolve);
    stream.once("error", (error) => {
      // What was not sent yet must not be: the server is out of COPY.
      stream.destroy();
      reject(error);
    });
    for (const bytes of data) {
      for (let at = 0; at < bytes.length; at += messageBytes) stream.write(bytes.subarray(at, at + messageBytes));
    }
    stream.end();
  });
  return stream.rowCount;
}
