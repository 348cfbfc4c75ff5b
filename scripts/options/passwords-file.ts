import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { type RoleKey, roleNames } from "#lib/contract.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { generatePassword } from "#lib/postgres/generate-password.ts";
import { findInPasswordFile, formatPasswordLine } from "#lib/postgres/password-file.ts";
import { readPasswordFile } from "./password.ts";

export type RolePasswords = Readonly<Record<RoleKey, string>>;

/**
 * The passwords of the roles in a file as libpq reads it (PGPASSFILE), so that both psql and this program can use it.
 * Those that the file has for this database are kept, the others are generated and added; the file is complete before
 * anything reaches the database, so that no password can be lost. It is readable by its owner only.
 *
 * @param existing roles that the server has already: whoever uses them would be locked out by a new password
 * @throws PosternError `config.invalid` when the file cannot be read or written, or others can read it; `setup.would-reset`
 *   when it lacks an existing role's password and `mayReset` is false
 */
export async function keepPasswords(
  file: string,
  address: DatabaseAddress,
  { existing, mayReset }: { readonly existing: readonly string[]; readonly mayReset: boolean },
): Promise<RolePasswords> {
  const text = await readExisting(file);
  const added: string[] = [];
  const reset: string[] = [];
  const passwordOf = (user: string): string => {
    const known = findInPasswordFile(text, { ...address, user });
    if (known !== undefined) return known;
    if (existing.includes(user)) reset.push(user);
    const password = generatePassword();
    added.push(formatPasswordLine({ ...address, user, password }));
    return password;
  };
  const passwords = {
    migrator: passwordOf(roleNames.migrator),
    app: passwordOf(roleNames.app),
    health: passwordOf(roleNames.health),
    readonly: passwordOf(roleNames.readonly),
    operator: passwordOf(roleNames.operator),
  };
  if (reset.length > 0 && !mayReset) {
    const roles = `${reset.join(", ")} ${reset.length === 1 ? "exists" : "exist"}`;
    throw new PosternError("setup.would-reset", `${roles} already, and ${file} has no password for them.`);
  }
  if (added.length > 0) {
    const separator = text === "" || text.endsWith("\n") ? "" : "\n";
    await replaceFile(file, `${text}${separator}${added.join("\n")}\n`);
  }
  return passwords;
}

async function readExisting(file: string): Promise<string> {
  try {
    return await readPasswordFile(file);
  } catch (error) {
    if (error instanceof PosternError && isMissing(error.cause)) return "";
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** At no moment is there half a file, or one that others can read. */
async function replaceFile(file: string, text: string): Promise<void> {
  const fresh = `${file}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(fresh, text, { mode: 0o600, flag: "wx" });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw new PosternError("config.invalid", `The password file ${file} cannot be written.`, { cause: error });
  }
}
