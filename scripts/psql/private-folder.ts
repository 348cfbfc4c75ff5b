import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { hasLivingOwner, ownerHere } from "#lib/base/owned-file.ts";
import { readIfPresent } from "#lib/base/private-file.ts";
import { openStateFolder } from "#lib/tunnel/registry/state-folder.ts";

export type PrivateFolder = AsyncDisposable & { readonly path: string };

const ownerFile = "owner.json";

/**
 * A folder for secrets of this process, which only this user can enter. It is removed when it is disposed, and when the process
 * exits without that, as at a second Ctrl-C. What kill -9 leaves is removed by the next one.
 */
export async function makePrivateFolder(stateFolder: string): Promise<PrivateFolder> {
  const parent = await openStateFolder(stateFolder, "logins");
  await sweep(parent);
  const path = join(parent, randomUUID());
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once("exit", remove);
  await mkdir(path, { mode: 0o700 });
  await writeFile(join(path, ownerFile), JSON.stringify(await ownerHere()), { mode: 0o600 });
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await rm(path, { recursive: true, force: true });
      process.off("exit", remove);
    },
  };
}

/** One that names no owner yet has just been made. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = await readIfPresent(join(parent, name, ownerFile)).catch(() => undefined);
    if (owner === undefined || (await hasLivingOwner(owner))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}
