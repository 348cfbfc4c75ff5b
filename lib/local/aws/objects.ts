import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { join, relative, sep } from "node:path";

export type StoredObject = {
  readonly key: string;
  readonly bytes: number;
  /** In quotes, as S3 has it. Another one whenever the file is written. */
  readonly etag: string;
  readonly modified: Date;
};

/** An object as it was when it was opened: another file in its place changes nothing of it. */
export type OpenObject = StoredObject & {
  /** Closes it at the end. */
  read(range: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
  /** Where it is not read. */
  close(): Promise<void>;
};

/**
 * Buckets as folders, objects as files below them: put a file there, and it is an object. A bucket that has no folder does
 * not exist. A key that would leave its bucket (`..`) names nothing, and so does one with a symbolic link on its way, the bucket
 * itself included: what is elsewhere on this machine was not put there.
 */
export interface ObjectStore {
  /** @returns undefined when there is no such bucket */
  list(bucket: string, prefix: string): Promise<StoredObject[] | undefined>;
  open(bucket: string, key: string): Promise<OpenObject | undefined>;
  /** @returns undefined when there is no such bucket, or no such key can be */
  write(bucket: string, key: string, body: Uint8Array): Promise<StoredObject | undefined>;
}

/** @param dir its subfolders are the buckets; it may itself be reached by a link */
export function createFolderObjectStore(dir: string): ObjectStore {
  const find = async (bucket: string, key: string): Promise<StoredObject | undefined> => {
    const object = await openObject(dir, bucket, key);
    await object?.close();
    return object;
  };
  return {
    open: async (bucket, key) => openObject(dir, bucket, key),
    list: async (bucket, prefix) => {
      const root = join(dir, bucket);
      if (!(await isFolder(root))) return undefined;
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      const keys = entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"));
      const objects: StoredObject[] = [];
      for (const key of keys.filter((one) => one.startsWith(prefix)).toSorted()) {
        const object = await find(bucket, key);
        if (object !== undefined) objects.push(object);
      }
      return objects;
    },
    write: async (bucket, key, body) => {
      if (!isSafe(key) || !(await makeParents(join(dir, bucket), key))) return undefined;
      // Whole or not at all, and a reader of the old one keeps it. A link in its place is replaced, not followed.
      const fresh = join(dir, `.${randomUUID()}`);
      await writeFile(fresh, body);
      await rename(fresh, join(dir, bucket, ...key.split("/")));
      return await find(bucket, key);
    },
  };
}

/**
 * 1. Opens the file; a link in its place is not followed, a pipe not waited for.
 * 2. Refuses what is no file.
 * 3. Refuses it when its real path is another one: there is a link further up.
 * 4. Refuses it when another file is there by now: what was opened may have been reached by a link.
 */
async function openObject(dir: string, bucket: string, key: string): Promise<OpenObject | undefined> {
  const base = isSafe(key) ? await realpath(dir).catch(() => undefined) : undefined;
  if (base === undefined) return undefined;
  const path = join(base, bucket, ...key.split("/"));
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const object = await describe(handle, path, key);
    if (object === undefined) await handle.close();
    return object;
  } catch {
    await handle.close();
    return undefined;
  }
}

async function describe(handle: FileHandle, path: string, key: string): Promise<OpenObject | undefined> {
  const opened = await handle.stat({ bigint: true });
  if (!opened.isFile() || (await realpath(path)) !== path) return undefined;
  const there = await lstat(path, { bigint: true });
  if (there.ino !== opened.ino || there.dev !== opened.dev) return undefined;
  return {
    key,
    bytes: Number(opened.size),
    etag: `"${opened.mtimeNs.toString(16)}-${opened.ino.toString(16)}-${opened.size.toString(16)}"`,
    modified: opened.mtime,
    read: ({ start, end }) => handle.createReadStream({ start, end }),
    close: async () => handle.close(),
  };
}

/** @returns false when the bucket, or something on the way, is no folder of its own */
async function makeParents(root: string, key: string): Promise<boolean> {
  let folder = root;
  if (!(await isFolder(folder))) return false;
  for (const part of key.split("/").slice(0, -1)) {
    folder = join(folder, part);
    await mkdir(folder).catch(() => undefined);
    if (!(await isFolder(folder))) return false;
  }
  return true;
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true;
}

function isSafe(key: string): boolean {
  return !key.includes("\0") && key.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
