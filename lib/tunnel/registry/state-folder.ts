import { chmod, lstat, mkdir } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { PosternError } from "#lib/base/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where a user's running tunnels and their ports are kept: the folder of the XDG base directories for state, on every system
 * but Windows. A relative XDG_STATE_HOME counts as unset, as its specification says; so does a relative HOME, which would put
 * passwords below whatever folder somebody is in.
 *
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function stateFolderOf(env: Environment, home = homedir(), platform = process.platform): string {
  const { XDG_STATE_HOME: xdg = "", LOCALAPPDATA: local = "" } = env;
  if (xdg !== "" && isAbsolute(xdg)) return join(xdg, "postern");
  if (platform === "win32" && local !== "") return join(local, "postern", "state");
  return join(isAbsolute(home) ? home : userInfo().homedir, ".local", "state", "postern");
}

/**
 * Makes the folder and those in it, for their owner alone.
 *
 * @throws PosternError `data.unwritable`, also for a folder of somebody else's: what is in it would be believed
 */
export async function openStateFolder(folder: string, ...below: readonly string[]): Promise<string> {
  let path = folder;
  await writeState(path, async () => mkdir(folder, { recursive: true, mode: 0o700 }));
  await writeState(path, async () => assertOwn(folder));
  for (const name of below) {
    path = join(path, name);
    await writeState(path, async () => mkdir(path, { recursive: true, mode: 0o700 }));
  }
  return path;
}

/**
 * Does something to the state folder, or to one in it.
 *
 * @throws PosternError `data.unwritable` in place of an error of the file system
 */
export async function writeState<Value>(folder: string, write: () => Promise<Value>): Promise<Value> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && "syscall" in error)) throw error;
    const isFull = error.code === "ENOSPC" || error.code === "EDQUOT";
    throw new PosternError("data.unwritable", `Cannot write to the state folder ${folder} (${String(error.code)}).`, {
      hint: `${isFull ? "Free some space there" : "Give this user write access to it"}, or name another with XDG_STATE_HOME.`,
      cause: error,
    });
  }
}

async function assertOwn(folder: string): Promise<void> {
  const { uid, mode } = await lstat(folder);
  const us = process.getuid?.();
  if (us !== undefined && uid !== us) {
    throw new PosternError("data.unwritable", `The state folder ${folder} belongs to user ${uid}.`, {
      hint: "Remove it as that user, or name another with XDG_STATE_HOME.",
    });
  }
  if (process.platform !== "win32" && (mode & 0o077) !== 0) await chmod(folder, 0o700);
}
