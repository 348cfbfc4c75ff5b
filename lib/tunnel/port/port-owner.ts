import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { readProcessFacts } from "#lib/base/process-facts.ts";

/** Who listens on a port, for people: "process 4711 (postgres)". Undefined where the system does not tell. */
export async function describePortOwner(port: number): Promise<string | undefined> {
  const pid = process.platform === "linux" ? await askProc(port) : await askLsof(port);
  if (pid === undefined) return undefined;
  const facts = await readProcessFacts(pid);
  // The program alone: there may be secrets among its arguments.
  const program = basename(facts?.command.trim().split(" ")[0] ?? "");
  return program === "" ? `process ${pid}` : `process ${pid} (${program})`;
}

/** proc(5), net/tcp: local address and state (0A: LISTEN) are the 2nd and 4th field, the socket's inode the 10th. */
async function askProc(port: number): Promise<number | undefined> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map(async (file) => readFile(file, "utf8").catch(() => "")),
  );
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const sockets = new Set(
    tables
      .flatMap((table) => table.split("\n"))
      .map((line) => line.trim().split(/\s+/u))
      .filter(([, local = "", , state]) => state === "0A" && local.endsWith(`:${wanted}`))
      .map((fields) => `socket:[${fields[9] ?? ""}]`),
  );
  if (sockets.size === 0) return undefined;
  for (const pid of await readdir("/proc")) {
    if (/^\d+$/u.test(pid) && (await holdsOne(pid, sockets))) return Number(pid);
  }
  return undefined;
}

/** Only our own processes' files can be read, unless we are root. */
async function holdsOne(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = join("/proc", pid, "fd");
  const files = await readdir(folder).catch(() => []);
  const links = await Promise.all(files.map(async (file) => readlink(join(folder, file)).catch(() => "")));
  return links.some((link) => sockets.has(link));
}

async function askLsof(port: number): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], {
      timeout: 5_000,
    });
    const pid = Number(stdout.split("\n")[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // Not installed, or it found nothing.
  }
}
