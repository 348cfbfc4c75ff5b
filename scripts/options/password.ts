import { readFile, stat } from "node:fs/promises";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { findInPasswordFile } from "#lib/postgres/password-file.ts";

/**
 * The password for an address whose URL has none, as libpq finds it: PGPASSWORD, else the matching line of the file
 * named by PGPASSFILE. https://www.postgresql.org/docs/current/libpq-pgpass.html
 *
 * @throws PosternError `config.invalid` for a password file that cannot be read or that others can read
 */
export async function findPassword(
  address: DatabaseAddress,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const { PGPASSWORD: password, PGPASSFILE: file } = env;
  if (password !== undefined && password !== "") return password;
  if (file === undefined || file === "") return undefined;
  return findInPasswordFile(await readPasswordFile(file), address);
}

/** @throws PosternError `config.invalid` when it cannot be read, or when others can read it */
export async function readPasswordFile(file: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    // libpq ignores such a file with a warning; a silent "no password" would send people looking elsewhere.
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new PosternError("config.invalid", `The password file ${file} can be read by others.`, {
        hint: `Take their access away: chmod 600 ${file}`,
      });
    }
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw new PosternError("config.invalid", `The password file ${file} cannot be read.`, {
      cause: error,
    });
  }
}
