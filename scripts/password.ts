import { readFile, stat } from "node:fs/promises";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";

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

const field = String.raw`((?:\\.|[^:\\])*)`;
const linePattern = new RegExp(`^${field}:${field}:${field}:${field}:${field}`);

/** The first line `host:port:database:user:password` that matches; `*` matches anything, `\:` and `\\` are escapes. */
export function findInPasswordFile(text: string, address: DatabaseAddress): string | undefined {
  const wanted = [address.servername ?? address.host, String(address.port), address.database, address.user];
  for (const line of text.split(/\r?\n/)) {
    const [, ...fields] = line.startsWith("#") ? [] : (linePattern.exec(line) ?? []);
    if (wanted.every((value, index) => matches(fields[index], value)))
      return unescapeField(fields[wanted.length] ?? "");
  }
  return undefined;
}

/** The line by which `findInPasswordFile` and libpq find `address.password` for its user. */
export function formatPasswordLine(address: DatabaseAddress): string {
  const { host, servername, port, database, user, password = "" } = address;
  return [servername ?? host, String(port), database, user, password].map(escapeField).join(":");
}

function matches(pattern: string | undefined, value: string): boolean {
  return pattern !== undefined && (pattern === "*" || unescapeField(pattern) === value);
}

function unescapeField(text: string): string {
  return text.replaceAll(/\\(.)/g, "$1");
}

function escapeField(text: string): string {
  return text.replaceAll(/[\\:]/g, String.raw`\$&`);
}
