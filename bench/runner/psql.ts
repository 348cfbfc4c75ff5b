import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import type { BenchDatabase } from "./database.ts";

const run = promisify(execFile);

/** Its version, or undefined where it is not installed. */
export function findPsql(): string | undefined {
  const { stdout, status } = spawnSync("psql", ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** One process: no start-up file, quiet, and an error ends it. */
export async function psql({ env }: BenchDatabase, args: readonly string[]): Promise<void> {
  await run("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", ...args], { env: { PATH: process.env["PATH"], ...env } });
}
