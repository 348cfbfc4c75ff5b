import { chmod, lstat, mkdir } from "node:fs/promises";
import { PosternError } from "#lib/base/errors.ts";
import { mayEnter, type ServerUser } from "../process/unprivileged-user.ts";

/** Tried in this order. A temporary folder is last: the system may clear it. */
const candidates = ["/var/lib/postern", "/var/tmp/postern", "/tmp/postern"] as const;

/**
 * A folder of root's that the unprivileged user can enter, for what lies out of that user's reach where it is. Only root
 * writes in it; whoever prepared a folder of that name in /tmp gets refused, not used.
 *
 * @throws PosternError `data.unwritable` when there is none
 */
export async function sharedPlace(user: ServerUser): Promise<string> {
  for (const folder of candidates) {
    if (await isOurs(folder, user)) return folder;
  }
  throw new PosternError(
    "data.unwritable",
    `User ${user.uid}, who runs PostgreSQL for root, cannot reach this folder, nor any of ${candidates.join(", ")}.`,
    { hint: "Run this as an ordinary user, or from a folder that every user may enter." },
  );
}

/** True for what Postern itself has put there. */
export function isInSharedPlace(path: string): boolean {
  return candidates.some((folder) => path.startsWith(`${folder}/`));
}

async function isOurs(folder: string, user: ServerUser): Promise<boolean> {
  try {
    const created = await mkdir(folder, { recursive: true, mode: 0o755 });
    // The umask may have taken the others' right to enter.
    if (created !== undefined) await chmod(folder, 0o755);
    const found = await lstat(folder);
    const isRootsOwn = found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0;
    return isRootsOwn && (await mayEnter(user, folder));
  } catch {
    return false; // Read-only or full: the next one.
  }
}
