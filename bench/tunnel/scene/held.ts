import { readdir, readFile } from "node:fs/promises";
import process from "node:process";

/** What this process holds now. Numbers that only Linux tells are absent elsewhere. */
export type Held = {
  /** After a collection, where Node was started with `--expose-gc`. */
  readonly heapMb: number;
  readonly rssMb: number;
  /** Of Node: sockets of TCP, and listening ones. */
  readonly sockets: number;
  readonly timers: number;
  /** Open files of the process, sockets included. */
  readonly files?: number;
  readonly children?: number;
};

const megabyte = 1024 * 1024;

export async function readHeld(pid: number): Promise<Held> {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const [files, children] = await Promise.all([countFiles(pid), countChildren(pid)]);
  return {
    heapMb: heapUsed / megabyte,
    rssMb: rss / megabyte,
    sockets: resources.filter((name) => name.startsWith("TCP")).length,
    timers: resources.filter((name) => name === "Timeout").length,
    ...(files === undefined ? {} : { files }),
    ...(children === undefined ? {} : { children }),
  };
}

async function countFiles(pid: number): Promise<number | undefined> {
  return readdir(`/proc/${pid}/fd`).then(
    (names) => names.length,
    () => undefined,
  );
}

async function countChildren(pid: number): Promise<number | undefined> {
  return readFile(`/proc/${pid}/task/${pid}/children`, "utf8").then(
    (list) => list.split(" ").filter((one) => one !== "").length,
    () => undefined,
  );
}
