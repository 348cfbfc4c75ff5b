import { randomUUID } from "node:crypto";
import { lchown, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { readIfPresent, writeWhole } from "#lib/base/private-file.ts";
import { generatePassword } from "#lib/postgres/generate-password.ts";
import { isPresent } from "../files/data-folder.ts";
import type { ServerUser } from "../process/unprivileged-user.ts";
import { startWardedProcess } from "../process/warded-process.ts";
import type { PostgresBinaries, PostgresMajor } from "./binaries.ts";
import type { PostgresHome } from "./home.ts";

export const superuser = "postgres";

/** The environment of every PostgreSQL program: nothing of ours gets in. */
export const serverEnv = { LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" } as const;

type ClusterOptions = {
  readonly home: PostgresHome;
  readonly major: PostgresMajor;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * The cluster's superuser password; makes the cluster at the first start.
 *
 * initdb works in a folder of its own that is renamed when it is done, so a cluster that is there is complete: one that
 * was interrupted is cleared away and made again.
 *
 * @throws PosternError `data.wrong-version`, `process.failed`
 */
export async function ensureCluster(options: ClusterOptions): Promise<{ password: string; created: boolean }> {
  const { home } = options;
  const passwordFile = join(home.data, "superuser-password");
  const found = (await readIfPresent(passwordFile))?.trim();
  if (await isPresent(home.cluster)) {
    await assertVersion(home, options.major);
    if (found !== undefined && found !== "") return { password: found, created: false };
    throw new PosternError("process.failed", `The superuser's password (${passwordFile}) is gone.`, {
      hint: "Put the file back, or start anew with --fresh (its data is lost).",
    });
  }

  const password = found === undefined || found === "" ? generatePassword() : found;
  await writeWhole(passwordFile, `${password}\n`);
  await clearPartialClusters(home);
  await initialize(options, password);
  return { password, created: true };
}

async function initialize(options: ClusterOptions, password: string): Promise<void> {
  const { home, user } = options;
  const partial = join(home.server, `cluster.${randomUUID()}`);
  const passwordFile = join(home.server, `password.${randomUUID()}`);
  await mkdir(partial, { mode: 0o700 });
  if (user !== undefined) await lchown(partial, user.uid, user.gid);
  // initdb reads it as the server's user. A file, because arguments are visible to everyone.
  await writeWhole(passwordFile, `${password}\n`, { owner: user });
  try {
    await using initdb = await startWardedProcess({
      command: options.binaries.initdb,
      args: [
        `--pgdata=${partial}`,
        `--username=${superuser}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        // Sorts and compares the same on every machine, and needs no locale of the system's.
        "--encoding=UTF8",
        "--locale=C",
        ...(options.major >= 17 ? ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] : []),
        "--data-checksums",
        "--no-sync",
        "--no-instructions",
      ],
      cwd: "/",
      env: serverEnv,
      ...user,
      stopSignals: ["SIGINT", "SIGKILL"],
      graceMs: 3_000,
    });
    const stop = () => void initdb.stop();
    options.signal?.addEventListener("abort", stop, { once: true });
    const { code } = await initdb.exited;
    options.signal?.removeEventListener("abort", stop);
    options.signal?.throwIfAborted();
    if (code !== 0) {
      const log = initdb.lastLines().slice(-8).join("\n");
      throw new PosternError("process.failed", `PostgreSQL could not make a new cluster in ${home.server}:\n${log}`);
    }
    await rename(partial, home.cluster);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function assertVersion(home: PostgresHome, major: PostgresMajor): Promise<void> {
  const text = (await readIfPresent(join(home.cluster, "PG_VERSION")))?.trim() ?? "";
  if (text === String(major)) return;
  // The server's user owns that file: repeat nothing from it but a number.
  const found = /^\d{1,2}(\.\d)?$/u.test(text) ? `PostgreSQL ${text}` : "an unknown version";
  throw new PosternError("data.wrong-version", `The data in ${home.data} is of ${found}, not of PostgreSQL ${major}.`);
}

/** What an initdb that was killed left behind, its password file included. */
async function clearPartialClusters(home: PostgresHome): Promise<void> {
  const names = await readdir(home.server);
  const partial = names.filter((name) => /^(cluster|password)\./u.test(name));
  await Promise.all(partial.map(async (name) => rm(join(home.server, name), { recursive: true, force: true })));
}
