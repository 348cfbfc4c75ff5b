import { createHash } from "node:crypto";
import { lstat, mkdir, readlink, realpath, rm, rmdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { makeFolder, unwritable } from "../files/data-folder.ts";
import { isInSharedPlace, sharedPlace } from "../files/shared-place.ts";
import { mayEnter, type ServerUser } from "../process/unprivileged-user.ts";

/**
 * The folders of a server:
 *
 *     DATA/ca.pem, ca.key, superuser-password     ours
 *     DATA/server/                                what the server reads; ours, so that it cannot plant links in our way
 *     DATA/server/server.pem, server.key, pg_hba.conf
 *     DATA/server/cluster/                        what the server writes: PostgreSQL's data directory
 *
 * Where the user who runs the server for root cannot enter DATA (it lies below /root, say), DATA/server is a symbolic link
 * to a folder in the shared place.
 */
export type PostgresHome = { readonly data: string; readonly server: string; readonly cluster: string };

/** Where the cluster of this data folder is, when there is one: its owner decides who runs the server. */
export function clusterPath(dataDir: string): string {
  return join(dataDir, "server", "cluster");
}

/**
 * Makes the folders that are missing and checks that the server's user gets there.
 *
 * @throws PosternError `data.unwritable`
 */
export async function openPostgresHome(dataDir: string, user: ServerUser | undefined): Promise<PostgresHome> {
  await makeFolder(dataDir);
  try {
    const data = await realpath(dataDir);
    const server = await openServerFolder(data, user);
    const cluster = join(server, "cluster");
    await assertOwned(cluster, user);
    return { data, server, cluster };
  } catch (error) {
    throw unwritable(dataDir, error);
  }
}

/** Danger: removes the data folder and everything that belongs to it, also in the shared place. */
export async function removePostgresData(dataDir: string): Promise<void> {
  const target = await readlink(join(dataDir, "server")).catch(() => undefined);
  if (target !== undefined && isInSharedPlace(target)) await rm(target, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

async function openServerFolder(data: string, user: ServerUser | undefined): Promise<string> {
  const inPlace = join(data, "server");
  const link = await readlink(inPlace).catch(() => undefined);
  if (link !== undefined && (await exists(link))) return enterable(link, user);
  if (link !== undefined) await rm(inPlace);
  const isNew = await makeFolder(inPlace);
  if (user === undefined || (await mayEnter(user, inPlace))) return inPlace;
  if (!isNew) return enterable(inPlace, user);

  await rmdir(inPlace);
  const name = createHash("sha256").update(inPlace).digest("hex").slice(0, 16);
  const elsewhere = join(await sharedPlace(user), "clusters", name);
  // Without the link it belonged to a folder that someone has removed by hand.
  await rm(elsewhere, { recursive: true, force: true });
  await mkdir(join(elsewhere, ".."), { recursive: true, mode: 0o755 });
  await makeFolder(elsewhere);
  await symlink(elsewhere, inPlace);
  return enterable(elsewhere, user);
}

async function enterable(folder: string, user: ServerUser | undefined): Promise<string> {
  if (user === undefined || (await mayEnter(user, folder))) return folder;
  throw new PosternError("data.unwritable", `User ${user.uid}, who runs PostgreSQL for root, cannot enter ${folder}.`, {
    hint: "Let every user enter the folders above it (chmod o+x), or start anew with --fresh (its data is lost).",
  });
}

async function assertOwned(cluster: string, user: ServerUser | undefined): Promise<void> {
  const found = await stat(cluster).catch(() => undefined);
  const uid = user?.uid ?? process.getuid?.();
  if (found === undefined || uid === undefined || found.uid >> 0 === uid >> 0) return;
  throw new PosternError("data.unwritable", `The data in ${cluster} belongs to user ${found.uid}, not to ${uid}.`, {
    hint: "Start it as that user (as root, if root made it), or choose another folder with --data.",
  });
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
