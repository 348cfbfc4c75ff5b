import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { type PostgresServerOptions, startPostgresServer } from "#lib/local/postgres/server.ts";
import { makeDataFolder } from "./run-folder.ts";

type Version = NonNullable<PostgresServerOptions["version"]>;

/**
 * Gives a data folder that does not exist yet the cluster that its first start would make (initdb takes a second), copied
 * from one that was made once a run and stopped in good order. Certificates stay each server's own.
 */
export async function copyCluster(runFolder: string, version: Version, dataDir: string): Promise<void> {
  const template = await ensureTemplate(runFolder, version);
  for (const folder of [dataDir, join(dataDir, "server")]) {
    await mkdir(folder);
    await chmod(folder, process.getuid?.() === 0 ? 0o711 : 0o700); // whatever the umask
  }
  await copyFile(passwordFile(template), passwordFile(dataDir));
  // With its owner and modes: for root the cluster belongs to the user who runs the server.
  await promisify(execFile)("cp", ["-Rp", clusterOf(template), clusterOf(dataDir)]);
}

const passwordFile = (dataDir: string) => join(dataDir, "superuser-password");
const clusterOf = (dataDir: string) => join(dataDir, "server", "cluster");

/** Two workers may make one at once: then the second is thrown away. */
async function ensureTemplate(runFolder: string, version: Version): Promise<string> {
  const template = join(runFolder, `template-${version}`);
  if (await isThere(template)) return template;
  const folder = await makeDataFolder(runFolder);
  const own = join(folder, randomUUID());
  try {
    const server = await startPostgresServer({ dataDir: own, port: 0, version, durable: false });
    await server.stop();
    await rename(own, template).catch(async (error: unknown) => {
      if (!(await isThere(template))) throw error;
      await removePostgresData(own);
    });
    return template;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
