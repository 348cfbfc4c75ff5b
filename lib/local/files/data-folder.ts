import { access, chmod, constants, mkdir } from "node:fs/promises";
import { PosternError } from "#lib/base/errors.ts";

/**
 * Makes the folder and those above it. It is private; for root, others may pass through it but not look, because
 * PostgreSQL runs as one of them.
 *
 * @returns whether it was missing
 * @throws PosternError `data.unwritable`, also for a folder that is there and cannot be written
 */
export async function makeFolder(folder: string): Promise<boolean> {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    const created = await mkdir(folder, { recursive: true, mode });
    if (created !== undefined) await chmod(folder, mode); // whatever the umask
    await access(folder, constants.W_OK | constants.X_OK);
    return created !== undefined;
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** @throws PosternError `data.unwritable` in place of an error of the file system */
export function unwritable(folder: string, cause: unknown): PosternError {
  if (cause instanceof PosternError) return cause;
  return new PosternError("data.unwritable", `Cannot write to the data folder ${folder}: ${reasonOf(cause)}.`, {
    cause,
  });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "ENOSPC":
      return "the disk is full";
    case "EEXIST":
    case "ENOTDIR":
      return "something that is not a folder is in the way";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
