import { randomUUID } from "node:crypto";
import { chmod, cp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Keeps a copy of a folder that every user may read, made once:
 *
 * 1. A copy that works is used as it is.
 * 2. Copy under a name of its own. When that does not work either, the copy is of no use: remove it.
 * 3. Put it in the target's place, which nobody ever sees half filled. What is there meanwhile is moved aside, unless it
 *    works: then someone else was faster, and theirs is as good.
 *
 * @returns whether the target works now
 */
export async function ensureSharedCopy(
  source: string,
  target: string,
  works: (copy: string) => Promise<boolean>,
): Promise<boolean> {
  if (await works(target)) return true;
  const own = `${target}.${randomUUID()}`;
  const bad = `${own}.bad`;
  try {
    await cp(source, own, { recursive: true, verbatimSymlinks: true });
    await letEveryoneRead(own);
    if (!(await works(own))) return false;
    while (!(await moves(own, target, inTheWay))) {
      if (await works(target)) return true;
      await moves(target, bad, ["ENOENT"]);
      await rm(bad, { recursive: true, force: true });
    }
    return true;
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Neither the umask nor the rights of the original count: `npm ci` may have run under a narrow umask. */
async function letEveryoneRead(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const isExecutable = entry.isDirectory() || ((await stat(path)).mode & 0o100) !== 0;
    await chmod(path, isExecutable ? 0o755 : 0o644);
  }
}

/** What a system may say when a folder is to be moved where something is. */
const inTheWay = ["ENOTEMPTY", "EEXIST", "ENOTDIR"] as const;

/** False for the given errors, which come of someone else who is at work, too. */
async function moves(from: string, to: string, foreseen: readonly string[]): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (foreseen.includes(code)) return false;
    throw error;
  }
}
