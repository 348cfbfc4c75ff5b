import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import type { ListedMigration } from "./listing.ts";

/**
 * The text of a migration, as Node reads it: drizzle hashes exactly that, with its line ends and its byte order mark.
 *
 * @throws PosternError `migrations.missing-file`, `migrations.invalid-file`
 */
export async function readSqlFile(dir: string, { tag, file }: ListedMigration): Promise<string> {
  const path = join(dir, file);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "is not there" : `cannot be read (${cause.code ?? cause.message})`;
    throw new PosternError("migrations.missing-file", `The file of migration ${tag}, ${path}, ${reason}.`, { cause });
  });
  const text = decodeUtf8(path, bytes);
  if (text.trim() === "") throw new PosternError("migrations.invalid-file", `${path} is empty: expected SQL.`);
  return text;
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
