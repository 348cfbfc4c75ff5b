import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";

/**
 * Fails a test file that leaves a child process or a listening socket behind. A setup file of vitest: its `afterAll` is
 * registered first and therefore runs last, after the file has released everything.
 */

/** Node's names for what must not stay: a child of ours, a listening TCP or Unix socket. */
const watched = ["ProcessWrap", "TCPServerWrap", "PipeServerWrap"] as const;

/** The end of a process or server is noticed a moment after it was asked for. */
const graceMs = 2_000;

let before: readonly string[] = [];

beforeAll(async () => {
  before = await openThings();
});

afterAll(async () => {
  const deadline = performance.now() + graceMs;
  let leaked = await leaks();
  while (leaked.length > 0 && performance.now() < deadline) {
    await delay(20);
    leaked = await leaks();
  }
  if (leaked.length > 0) throw new Error(`This test file leaves open: ${leaked.join(", ")}.`);
});

async function leaks(): Promise<string[]> {
  const rest = [...before];
  return (await openThings()).filter((thing) => {
    const index = rest.indexOf(thing);
    if (index !== -1) rest.splice(index, 1);
    return index === -1;
  });
}

async function openThings(): Promise<string[]> {
  const resources = process.getActiveResourcesInfo().filter((name) => watched.some((one) => one === name));
  return [...resources, ...(await children())];
}

/** Also those that Node no longer knows of. Only Linux tells (proc(5), `children`). */
async function children(): Promise<string[]> {
  const tasks = await readdir("/proc/self/task").catch(() => []);
  const lists = await Promise.all(
    tasks.map(async (task) => readFile(`/proc/self/task/${task}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((list) =>
    list
      .split(" ")
      .filter((pid) => pid !== "")
      .map((pid) => `process ${pid}`),
  );
}
