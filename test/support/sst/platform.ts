import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

export const root = path.join(import.meta.dirname, "../../..");
export const sstDir = path.join(root, ".sst");
export const platformDir = path.join(sstDir, "platform");
/** Bundles of the functions that evaluations take. */
export const bundlesDir = path.join(root, "dist/infra-test");

/**
 * Unpacks SST's platform (its TypeScript sources, the Pulumi SDK and the AWS provider's types) where it is missing or of
 * another version than `sst` in package.json. Needs only the npm registry; about half a minute and 330 MB.
 *
 * The provider lock is the last thing that `sst install` writes: without it an unpacking was interrupted.
 *
 * @returns whether it had to
 */
export async function unpackPlatform(log: (line: string) => void): Promise<boolean> {
  const wanted = await installedVersion();
  if ((await unpackedVersion()) === wanted && existsSync(path.join(sstDir, "provider-lock.json"))) return false;
  log(`Unpacking the platform of SST ${wanted} into .sst/platform (once, about half a minute) …`);
  await runInstall();
  const unpacked = await unpackedVersion();
  if (unpacked !== wanted) throw new Error(`sst install unpacked version ${unpacked}, expected ${wanted}.`);
  return true;
}

async function installedVersion(): Promise<string> {
  const text = await readFile(path.join(root, "node_modules/sst/package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

async function unpackedVersion(): Promise<string | undefined> {
  const file = path.join(platformDir, "version");
  return existsSync(file) ? (await readFile(file, "utf8")).trim() : undefined;
}

async function runInstall(): Promise<void> {
  const sst = path.join(root, "node_modules/sst/bin/sst.mjs");
  // SST leaves a log behind with every call.
  const logs = await mkdtemp(path.join(tmpdir(), "postern-sst-"));
  const env = {
    ...process.env,
    TMPDIR: logs,
    SST_SKIP_DEPENDENCY_CHECK: "1",
    SST_NO_BUN: "1",
    SST_TELEMETRY_DISABLED: "1",
    SST_STAGE: "test",
  };
  try {
    const child = spawn(process.execPath, [sst, "install"], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => output.push(String(chunk)));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`sst install ended with ${code}:\n${output.join("")}`);
  } finally {
    await rm(logs, { recursive: true, force: true });
  }
}
