import { access, chmod, constants, lstat, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";

/**
 * Makes the folder and those above it. It is private; for root, others may pass through it but not look, because
 * PostgreSQL runs as one of them.
 *
 * @throws PosternError `data.unwritable`, also for a folder that is there and cannot be written
 */
export async function makeFolder(folder: string): Promise<void> {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    const created = await mkdir(folder, { recursive: true, mode });
    if (created !== undefined) await chmod(folder, mode); // whatever the umask
    await assertNoStrangers(folder);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** In every folder that we may empty. */
const marker = {
  name: ".postern-data",
  text: "Postern's local stage keeps its data here: `--fresh` removes it.\n",
} as const;

/** True for a folder that `claimFolder` has made ours. */
export async function isClaimed(folder: string): Promise<boolean> {
  return isPresent(join(folder, marker.name));
}

/**
 * Makes the folder ours, which only an empty one or a missing one can become: what a stage keeps is replaced at the next
 * start and removed by `--fresh`, so it must never be mistaken for what somebody else put there under the same names.
 *
 * @throws PosternError `data.unwritable` for a folder with something in it that is not ours; nothing is changed then
 */
export async function claimFolder(folder: string): Promise<void> {
  await makeFolder(folder);
  if (await isClaimed(folder)) return;
  try {
    if ((await readdir(folder)).length === 0) return await writeFile(join(folder, marker.name), marker.text);
  } catch (error) {
    throw unwritable(folder, error);
  }
  // Another start may have claimed it since we looked.
  if (await isClaimed(folder)) return;
  throw new PosternError("data.unwritable", `${folder} is not empty, and is not a data folder of Postern's.`, {
    hint: "Choose a folder that is empty or does not exist yet with --data.",
  });
}

/**
 * Keeps root out of a folder, or a link to one, that belongs to another user, who could put links in root's way there.
 *
 * @throws PosternError `data.unwritable`
 */
export async function assertNoStrangers(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (const { uid } of [await lstat(folder), await stat(folder)]) {
    if (uid === 0) continue;
    throw new PosternError("data.unwritable", `The data folder ${folder} belongs to user ${uid}, not to root.`, {
      hint: "Start it as that user, or choose another folder with --data.",
    });
  }
}

export async function isPresent(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** `data.unwritable` in place of an error of the file system. */
export function unwritable(folder: string, cause: unknown, what = "data folder"): PosternError {
  if (cause instanceof PosternError) return cause;
  const isFull = ["ENOSPC", "EDQUOT"].includes(String(codeOf(cause)));
  return new PosternError("data.unwritable", `Cannot write to the ${what} ${folder}: ${reasonOf(cause)}.`, {
    hint: isFull ? freeSpace : undefined,
    cause,
  });
}

/** What PostgreSQL's programs and esbuild say, too. */
const diskFull = "no space left on device";

/**
 * `data.unwritable` in place of an error which says that the file system takes nothing more or lets us in nowhere; any other
 * error as it is. Names who owns what we may not change: root, say, who once ran the stage with `sudo`.
 */
export async function explainStorage(folder: string, error: unknown): Promise<unknown> {
  if (error instanceof PosternError) {
    if (!error.message.toLowerCase().includes(diskFull)) return error;
    return new PosternError("data.unwritable", `Cannot write to the data folder ${folder}: ${diskFull}.`, {
      hint: freeSpace,
      cause: error,
    });
  }
  const { code, path, syscall } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EROFS") return unwritable(folder, error);
  // Sockets and programs that may not be started are refused with the same codes.
  const isDenied =
    (code === "EACCES" || code === "EPERM") && path !== undefined && syscall?.startsWith("spawn") !== true;
  if (!isDenied) return error;
  const owner = await findForeignOwner(folder, path);
  if (owner === undefined) return unwritable(folder, error);
  const message = `Cannot change ${owner.path} in the data folder ${folder}: it belongs to user ${owner.uid}.`;
  return new PosternError("data.unwritable", message, {
    hint: `Remove it as that user or give it to this one (chown), or choose another folder with --data.`,
    cause: error,
  });
}

/** To remove or rename something takes the right to change its folder. What is above the data folder is not ours anyway. */
async function findForeignOwner(
  folder: string,
  path: string,
): Promise<{ readonly path: string; readonly uid: number } | undefined> {
  for (const one of path === folder ? [path] : [path, dirname(path)]) {
    const found = await lstat(one).catch(() => undefined);
    if (found !== undefined && found.uid !== process.getuid?.()) return { path: one, uid: found.uid };
  }
  return undefined;
}

const freeSpace = "Free some space there, or choose another folder with --data (for --check: TMPDIR).";

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "ENOSPC":
      return diskFull;
    case "EDQUOT":
      return "this user's quota is used up";
    case "ENOENT":
      return "it does not exist";
    case "EEXIST":
    case "ENOTDIR":
      return "something that is not a folder is in the way";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
