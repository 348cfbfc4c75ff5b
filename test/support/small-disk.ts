import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeTestFolder } from "./postgres.ts";

const run = promisify(execFile);

/** A small file system of its own, which root alone may mount: 4 MB. */
export async function mountSmallDisk(stack: AsyncDisposableStack): Promise<string> {
  const parent = stack.adopt(await makeTestFolder(), async (path) => rm(path, { recursive: true }));
  const folder = join(parent, "small");
  await mkdir(folder);
  await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
  stack.defer(async () => void (await run("umount", [folder])));
  return folder;
}

export async function canMountSmallDisk(): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  return await mountSmallDisk(stack).then(
    () => true,
    () => false,
  );
}
