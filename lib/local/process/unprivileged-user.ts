import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { PosternError } from "#lib/base/errors.ts";

/** Who runs the server. PostgreSQL refuses to run as root, and rightly so. */
export type ServerUser = { readonly uid: number; readonly gid: number };

/**
 * The user to drop to, or undefined when we are not root and the server simply runs as us. In this order:
 *
 * 1. the owner of an existing cluster: nobody else may open it;
 * 2. the user who called sudo, when that is a real user;
 * 3. `nobody`.
 *
 * No user is ever created.
 *
 * @throws PosternError `process.failed` when there is none of them
 */
export async function findServerUser(
  existingCluster: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const user = (await ownerOf(existingCluster)) ?? (await sudoCaller(env)) ?? (await nobody());
  if (user !== undefined) return user;
  throw new PosternError(
    "process.failed",
    "PostgreSQL must not run as root, and there is no user `nobody` to run as.",
    {
      hint: "Run this as an ordinary user.",
    },
  );
}

/** True when the command runs and succeeds as that user: the only test that knows every rule of the system. */
export async function succeedsAs(user: ServerUser, command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, [...args], { ...user, cwd: "/", env: {}, timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** True when that user may enter the folder: every folder above it has a say in that. */
export async function mayEnter(user: ServerUser, folder: string): Promise<boolean> {
  return succeedsAs(user, "/bin/sh", ["-c", 'cd -- "$1"', "sh", folder]);
}

const run = promisify(execFile);

async function ownerOf(path: string): Promise<ServerUser | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid >> 0, gid: found.gid >> 0 };
}

async function sudoCaller(env: Readonly<Record<string, string | undefined>>): Promise<ServerUser | undefined> {
  const uid = parseId(env["SUDO_UID"]);
  const gid = parseId(env["SUDO_GID"]);
  if (uid === undefined || gid === undefined || uid === 0) return undefined;
  // initdb looks its user up, so a number alone is not enough. Directory services know users that passwd does not.
  const isReal = (await passwdEntry((entry) => entry.uid === uid)) ?? (await succeedsAs({ uid, gid }, "id", ["-un"]));
  return isReal ? { uid, gid } : undefined;
}

async function nobody(): Promise<ServerUser | undefined> {
  const entry = await passwdEntry(({ name }) => name === "nobody");
  return entry === undefined ? undefined : { uid: entry.uid, gid: entry.gid };
}

type PasswdEntry = ServerUser & { readonly name: string };

async function passwdEntry(matches: (entry: PasswdEntry) => boolean): Promise<PasswdEntry | undefined> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  for (const line of text.split("\n")) {
    const [name, , uidText, gidText] = line.split(":");
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    if (name === undefined || uid === undefined || gid === undefined || uid === 0) continue;
    if (matches({ name, uid, gid })) return { name, uid, gid };
  }
  return undefined;
}

/** On macOS `nobody` is -2, which the kernel reports as 4294967294. */
function parseId(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,10}$/u.test(text) ? Number(text) >> 0 : undefined;
}
