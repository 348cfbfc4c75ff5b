import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** What the system says of a process. */
export type ProcessFacts = {
  readonly pid: number;
  readonly parentPid: number;
  /** The arguments, joined with spaces. */
  readonly command: string;
  /** When it started, in the system's own form: with the pid it names one process for ever. */
  readonly startedAt: string;
  /** It has ended, and waits for its parent to take note. */
  readonly isZombie: boolean;
};

/** The facts of a process, or undefined when there is none. Reads /proc where there is one, else asks `ps`. */
export async function readProcessFacts(pid: number): Promise<ProcessFacts | undefined> {
  return process.platform === "linux" ? readProc(pid) : askPs(pid);
}

/** True when the process that was started then is still there and has not ended. */
export async function isRunning(pid: number, startedAt: string): Promise<boolean> {
  const facts = await readProcessFacts(pid);
  return facts !== undefined && !facts.isZombie && facts.startedAt === startedAt;
}

/** Sends a signal to a process that may be gone already, or may not be ours: whoever must know looks whether it runs. */
export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH or EPERM.
  }
}

/** proc(5): `pid (name) state ppid …`, the 22nd field is the start in clock ticks since boot; a name may hold `) `. */
async function readProc(pid: number): Promise<ProcessFacts | undefined> {
  try {
    const [stat, cmdline, bootId] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/cmdline`, "utf8"),
      readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    ]);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      pid,
      parentPid: Number(fields[1]),
      command: cmdline.split("\0").join(" "),
      startedAt: `${bootId.trim()}:${fields[19] ?? ""}`,
      isZombie: fields[0] === "Z" || fields[0] === "X",
    };
  } catch {
    return undefined; // ENOENT or ESRCH: it is gone.
  }
}

async function askPs(pid: number): Promise<ProcessFacts | undefined> {
  try {
    const { stdout } = await promisify(execFile)(
      "ps",
      ["-ww", "-o", "ppid=", "-o", "stat=", "-o", "lstart=", "-o", "command=", "-p", String(pid)],
      { env: { ...process.env, LC_ALL: "C", TZ: "UTC" } },
    );
    // lstart is five words: Sat Nov 21 09:00:00 2026
    const match = /^\s*(\d+)\s+(\S+)\s+((?:\S+\s+){4}\S+)\s+(.*)$/mu.exec(stdout);
    if (match === null) return undefined;
    const [, parentPid, state = "", startedAt = "", command = ""] = match;
    return { pid, parentPid: Number(parentPid), command, startedAt, isZombie: state.startsWith("Z") };
  } catch {
    return undefined; // ps exits 1 when there is no such process.
  }
}
