import type { DatabaseAddress } from "./address.ts";

/** libpq's password file (PGPASSFILE): https://www.postgresql.org/docs/current/libpq-pgpass.html */

type LoginAddress = Pick<DatabaseAddress, "host" | "servername" | "port" | "database" | "user">;

/** Whom a password is for; `*` as the port: whichever. */
type PasswordLine = Omit<LoginAddress, "port"> & Pick<DatabaseAddress, "password"> & { readonly port: number | "*" };

const field = String.raw`((?:\\.|[^:\\])*)`;
const linePattern = new RegExp(`^${field}:${field}:${field}:${field}:${field}`);

/** The first line `host:port:database:user:password` that matches; `*` matches anything, `\:` and `\\` are escapes. */
export function findInPasswordFile(text: string, address: LoginAddress): string | undefined {
  const wanted = [address.servername ?? address.host, String(address.port), address.database, address.user];
  for (const line of text.split(/\r?\n/)) {
    const [, ...fields] = line.startsWith("#") ? [] : (linePattern.exec(line) ?? []);
    if (wanted.every((value, index) => matches(fields[index], value)))
      return unescapeField(fields[wanted.length] ?? "");
  }
  return undefined;
}

/** The line, without its end, by which `findInPasswordFile` and libpq find the password. */
export function formatPasswordLine(login: PasswordLine): string {
  const { host, servername, port, database, user, password = "" } = login;
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
