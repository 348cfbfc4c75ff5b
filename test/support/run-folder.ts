import { access, chmod, constants, lstat, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    runFolder: string;
  }
}

/**
 * Where Linux keeps files in memory. A database is 300 files: to make one there takes 10 ms, on a disk often 200 ms, also
 * without fsync. A test server may crash, the machine under it may not, so the claims of tests are the same in both places.
 */
const memory = "/dev/shm";

/** A run holds less than 1 GiB at a time. */
const neededBytes = 3 * 1024 ** 3;

/** Its owner's process id is in the name: what a run that was killed has left is told by it. */
const namePattern = /^postern-tests-(\d+)-/u;

export type RunFolder = AsyncDisposable & { readonly path: string };

/** The folder of one run of the tests, in memory where there is room; what earlier runs left there is removed. */
export async function makeRunFolder(): Promise<RunFolder> {
  const parent = (await hasRoom(memory)) ? memory : tmpdir();
  await removeLeftovers(parent);
  const path = await mkdtemp(join(parent, `postern-tests-${process.pid}-`));
  await letPass(path);
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

/**
 * A folder for data of a server, below the run's folder. PostgreSQL's unprivileged user may pass through it when the tests
 * run as root. Nothing in it can be executed where the system says so of its memory.
 */
export async function makeDataFolder(runFolder = inject("runFolder")): Promise<string> {
  const folder = await mkdtemp(join(runFolder, "data-"));
  await letPass(folder);
  return folder;
}

async function letPass(folder: string): Promise<void> {
  await chmod(folder, 0o711);
}

async function hasRoom(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(folder);
    return Math.min(bavail * bsize, process.availableMemory()) >= neededBytes;
  } catch {
    return false;
  }
}

async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = namePattern.exec(name)?.[1];
    const path = join(parent, name);
    if (pid === undefined || isRunning(Number(pid))) continue;
    const owner = await lstat(path).catch(() => undefined);
    if (owner?.uid === process.getuid?.()) await rm(path, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
