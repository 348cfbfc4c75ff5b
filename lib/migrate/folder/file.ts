import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import type { ListedMigration } from "./listing.ts";

/**
 * The text of a migration, as Node reads it: drizzle hashes exactly that, with its line ends and its byte order mark.
 *
 * @throws PosternError `migrations.missing-file`, `migrations.invalid-file`
 */
export function readSqlFile(dir: string, { tag, file }: ListedMigration): string {
  const path = join(dir, file);
  const text = decodeUtf8(path, readBytes(path, tag));
  if (text.trim() === "") throw new PosternError("migrations.invalid-file", `${path} is empty: expected SQL.`);
  return text;
}

/** Not asynchronous: for hundreds of small files that takes eight times as long, and a no-op run does little else. */
function readBytes(path: string, tag: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "is not there" : `cannot be read (${code ?? message})`;
    throw new PosternError("migrations.missing-file", `The file of migration ${tag}, ${path}, ${reason}.`, { cause });
  }
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    // The mark is kept, for it is hashed.
    return decoder.decode(bytes);
  } catch (cause) {
    throw new PosternError("migrations.invalid-file", `${path} is not UTF-8: save it as UTF-8.`, { cause });
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
