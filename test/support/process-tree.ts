import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { type ProcessFacts, readProcessFacts } from "#lib/base/process-facts.ts";

/** The processes below this one, in any depth. */
export async function descendantsOf(pid: number): Promise<readonly ProcessFacts[]> {
  const all = await Promise.all((await allPids()).map(readProcessFacts));
  const found = all.filter((facts) => facts !== undefined);
  const below: ProcessFacts[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const generation = found.filter(({ parentPid }) => parents.has(parentPid));
    below.push(...generation);
    parents = new Set(generation.map((child) => child.pid));
  }
  return below;
}

/** True when that process is there no more, or only waits for its parent to take note. */
export async function hasEnded(one: Pick<ProcessFacts, "pid"> & Partial<ProcessFacts>): Promise<boolean> {
  const facts = await readProcessFacts(one.pid);
  return facts === undefined || facts.isZombie || (one.startedAt !== undefined && facts.startedAt !== one.startedAt);
}

async function allPids(): Promise<number[]> {
  const names =
    process.platform === "linux"
      ? await readdir("/proc")
      : (await promisify(execFile)("ps", ["-A", "-o", "pid="])).stdout.split("\n");
  return names
    .map((name) => name.trim())
    .filter((name) => /^\d+$/u.test(name))
    .map(Number);
}
