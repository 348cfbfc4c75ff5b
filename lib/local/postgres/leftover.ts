import { readdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { isRunning, killQuietly, readProcessFacts } from "#lib/base/process-facts.ts";
import { findCluster } from "./home.ts";

/** How long each signal may take to work, and how often we look. */
const patience = { wardenMs: 8_000, signalMs: 5_000, pollMs: 25 } as const;

/**
 * Clears what an earlier start left behind in the cluster of this data folder, whatever ended it. It comes before the ports
 * are checked, for a leftover server holds one:
 *
 * 1. A server whose warden is there: the warden is about to stop it, or its owner lives. Wait for the first.
 * 2. A server without a warden (both were killed): stop it, as the warden would have.
 * 3. A `postmaster.pid` that names a process which is not this cluster's server, or one that ended unnoticed: remove it,
 *    for PostgreSQL would take it for a running server. That of a process which is gone stays: PostgreSQL itself
 *    checks then that none of that server's children is left.
 *
 * @throws PosternError `stage.running` when a server that is not ours to stop keeps the cluster; `data.unwritable` when the
 * folder is not ours
 */
export async function clearLeftoverPostgres(dataDir: string, clock: Clock, signal?: AbortSignal): Promise<void> {
  const cluster = await findCluster(dataDir);
  if (cluster === undefined) return;
  const pidFile = join(cluster, "postmaster.pid");
  const pid = Number.parseInt(await readFile(pidFile, "utf8").catch(() => ""), 10);
  if (!Number.isSafeInteger(pid) || pid <= 0) return;
  const server = await readProcessFacts(pid);
  if (server === undefined) return;

  if (server.isZombie || !server.command.includes(`-D ${cluster} `)) {
    if (!(await isUsedByAnyone(cluster))) await rm(pidFile, { force: true });
    return;
  }

  const isServerRunning = async () => isRunning(pid, server.startedAt);
  const waitWhile = async (condition: () => Promise<boolean>, waitMs: number) => {
    const deadline = clock.nowMs() + waitMs;
    while (clock.nowMs() <= deadline && (await condition())) await clock.sleep(patience.pollMs, signal);
  };
  const warden = await readProcessFacts(server.parentPid);
  if (warden?.command.includes("warden.ts") === true) {
    // It may itself be on the way out, killed a moment ago: then the server is left alone after all.
    const isWardenRunning = async () => isRunning(warden.pid, warden.startedAt);
    await waitWhile(async () => (await isServerRunning()) && (await isWardenRunning()), patience.wardenMs);
    if (!(await isServerRunning())) return;
    if (await isWardenRunning()) {
      throw new PosternError("stage.running", `PostgreSQL (process ${pid}) is running on ${cluster}.`);
    }
  }
  for (const stopSignal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    killQuietly(pid, stopSignal);
    await waitWhile(isServerRunning, patience.signalMs);
    if (!(await isServerRunning())) return;
  }
  throw new PosternError("stage.running", `PostgreSQL (process ${pid}) on ${cluster} does not stop.`, {
    hint: `End process ${pid}, then start again.`,
  });
}

/** PostgreSQL's processes work in the cluster's folder. Known only where there is /proc. */
async function isUsedByAnyone(cluster: string): Promise<boolean> {
  const entries = await readdir("/proc").catch(() => []);
  const folders = await Promise.all(
    entries.filter((name) => /^\d+$/u.test(name)).map(async (pid) => readlink(`/proc/${pid}/cwd`).catch(() => "")),
  );
  return folders.includes(cluster);
}
