import { randomUUID } from "node:crypto";
import { readdir, readlink, realpath, rm, rmdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { assertNoStrangers, isPresent, makeFolder, unwritable } from "../files/data-folder.ts";
import { isLinkToSharedCluster, sharedPlace } from "../files/shared-place.ts";
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
 * to a folder in the shared place. That folder belongs to this link alone, wherever DATA is moved: nobody else names it.
 */
export type PostgresHome = { readonly data: string; readonly server: string; readonly cluster: string };

/** Where the cluster of this data folder is, when there is one: its owner decides who runs the server. */
export function clusterPath(dataDir: string): string {
  return join(dataDir, "server", "cluster");
}

/**
 * The cluster of this data folder, where there is one. Changes nothing.
 *
 * @throws PosternError `data.unwritable` when the folder or a link in it is not ours
 */
export async function findCluster(dataDir: string): Promise<string | undefined> {
  if (!(await isPresent(clusterPath(dataDir)))) return undefined;
  await assertNoStrangers(dataDir);
  const inPlace = join(await realpath(dataDir), "server");
  const server = (await readServerLink(inPlace)) ?? inPlace;
  await assertNoStrangers(server);
  return join(server, "cluster");
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

/**
 * Danger: removes the data folder and everything that belongs to it, also in the shared place.
 *
 * @throws PosternError `data.unwritable` when the folder or a link in it is not ours; nothing is removed then
 */
export async function removePostgresData(dataDir: string): Promise<void> {
  if (!(await isPresent(dataDir))) return;
  await assertNoStrangers(dataDir);
  const elsewhere = await readServerLink(join(dataDir, "server"));
  if (elsewhere !== undefined) await rm(elsewhere, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

async function openServerFolder(data: string, user: ServerUser | undefined): Promise<string> {
  const inPlace = join(data, "server");
  const linked = await readServerLink(inPlace);
  if (linked !== undefined) {
    if (await isPresent(linked)) return enterable(linked, user);
    throw new PosternError("data.unwritable", `The data of ${data} was in ${linked}, and that is gone.`, {
      hint: "Put it back, or start anew with --fresh.",
    });
  }
  await makeFolder(inPlace);
  if (user === undefined || (await mayEnter(user, inPlace))) return inPlace;
  if ((await readdir(inPlace)).length > 0) return enterable(inPlace, user);

  await rmdir(inPlace);
  const elsewhere = join(await sharedPlace("clusters", user), randomUUID());
  await makeFolder(elsewhere);
  await symlink(elsewhere, inPlace);
  return enterable(elsewhere, user);
}

/** Where the link leads, or undefined when it is none. */
async function readServerLink(path: string): Promise<string | undefined> {
  const target = await readlink(path).catch(() => undefined);
  if (target === undefined || (await isLinkToSharedCluster(target))) return target;
  throw new PosternError("data.unwritable", `${path} is a link to ${target}, which Postern did not make.`, {
    hint: "Remove the link, or choose another folder with --data.",
  });
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
