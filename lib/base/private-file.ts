import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";

export type FileOptions = {
  /** Default 0o600. */
  readonly mode?: number;
  /** Default: us. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
};

/** Writes the whole file or nothing: under a name of its own first, with its rights set before its content. */
export async function writeWhole(path: string, content: string, options: FileOptions = {}): Promise<void> {
  const mode = options.mode ?? 0o600;
  const partial = `${path}.${randomUUID()}`;
  try {
    await using file = await open(partial, "wx", 0o600);
    if (options.owner !== undefined) await file.chown(options.owner.uid, options.owner.gid);
    await file.chmod(mode);
    await file.writeFile(content);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** The file's text, or undefined when there is none. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
