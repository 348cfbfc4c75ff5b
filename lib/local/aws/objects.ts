import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { dirname, join, relative, sep } from "node:path";

export type StoredObject = {
  readonly key: string;
  readonly bytes: number;
  /** In quotes, as S3 has it. Another one whenever the file is written. */
  readonly etag: string;
  readonly modified: Date;
};

/**
 * Buckets as folders, objects as files below them: put a file there, and it is an object. A bucket that has no folder does
 * not exist. A key that would leave its bucket (`..`) names nothing.
 */
export interface ObjectStore {
  /** @returns undefined when there is no such bucket */
  list(bucket: string, prefix: string): Promise<StoredObject[] | undefined>;
  find(bucket: string, key: string): Promise<StoredObject | undefined>;
  read(bucket: string, key: string, range: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
  /** @returns undefined when there is no such bucket, or no such key can be */
  write(bucket: string, key: string, body: Uint8Array): Promise<StoredObject | undefined>;
}

/** @param dir made when the first object is written; its subfolders are the buckets */
export function createFolderObjectStore(dir: string): ObjectStore {
  const find = async (bucket: string, key: string) => {
    const path = isSafe(key) ? join(dir, bucket, ...key.split("/")) : undefined;
    const found = path === undefined ? undefined : await stat(path, { bigint: true }).catch(() => undefined);
    if (found === undefined || !found.isFile()) return undefined;
    const etag = `"${found.mtimeNs.toString(16)}-${found.ino.toString(16)}-${found.size.toString(16)}"`;
    return { key, bytes: Number(found.size), etag, modified: found.mtime };
  };
  return {
    find,
    list: async (bucket, prefix) => {
      const root = join(dir, bucket);
      const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => undefined);
      const keys = entries
        ?.filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"));
      if (keys === undefined) return undefined;
      const wanted = keys.filter((key) => key.startsWith(prefix)).toSorted();
      return (await Promise.all(wanted.map(async (key) => find(bucket, key)))).filter((one) => one !== undefined);
    },
    read: (bucket, key, { start, end }) => createReadStream(join(dir, bucket, ...key.split("/")), { start, end }),
    write: async (bucket, key, body) => {
      const isThere = (await stat(join(dir, bucket)).catch(() => undefined))?.isDirectory() === true;
      if (!isThere || !isSafe(key)) return undefined;
      const path = join(dir, bucket, ...key.split("/"));
      await mkdir(dirname(path), { recursive: true });
      // Whole or not at all, and a reader of the old one keeps it.
      const fresh = join(dir, `.${randomUUID()}`);
      await writeFile(fresh, body);
      await rename(fresh, path);
      return await find(bucket, key);
    },
  };
}

function isSafe(key: string): boolean {
  return !key.includes("\0") && key.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
