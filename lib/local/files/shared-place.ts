import { chmod, lstat, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
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
export async function sharedPlace(kind: "binaries" | "clusters", user: ServerUser): Promise<string> {
  for (const place of candidates) {
    const folder = join(place, kind);
    if ((await isOpenAndOurs(place)) && (await isOpenAndOurs(folder)) && (await mayEnter(user, folder))) return folder;
  }
  throw new PosternError(
    "data.unwritable",
    `User ${user.uid}, who runs PostgreSQL for root, cannot reach this folder, nor any of ${candidates.join(", ")}.`,
    { hint: "Run this as an ordinary user, or from a folder that every user may enter." },
  );
}

/**
 * True when a link with this text is one that Postern made:
 *
 * 1. It reads `PLACE/clusters/NAME`, exactly so: `..` and further segments lead elsewhere.
 * 2. No folder on that way, nor the one it names, is a link or may be changed by anyone but root. Missing ones do no harm.
 */
export async function isLinkToSharedCluster(target: string): Promise<boolean> {
  const place = candidates.find((candidate) => target === join(candidate, "clusters", basename(target)));
  if (place === undefined) return false;
  const isOurs = await Promise.all([place, join(place, "clusters"), target].map(isRootsOwn));
  return isOurs.every((one) => one !== false);
}

async function isOpenAndOurs(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    if ((await isRootsOwn(folder)) !== true) return false;
    // The umask, now or at an earlier start, may have taken the others' right to enter.
    await chmod(folder, 0o755);
    return true;
  } catch {
    return false; // Read-only or full: the next one.
  }
}

/** Undefined when there is nothing. */
async function isRootsOwn(folder: string): Promise<boolean | undefined> {
  const found = await lstat(folder).catch(() => undefined);
  return found && found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0;
}
