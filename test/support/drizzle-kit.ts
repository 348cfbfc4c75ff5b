import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { repositoryRoot } from "./command-line.ts";

/** Where each version is installed, and the configuration file that it can load from any folder. */
const installed = {
  "0.31": { home: repositoryRoot, configFile: "drizzle.config.json", prefix: "" },
  "1.0": {
    home: join(repositoryRoot, "test", "support", "drizzle-1"),
    configFile: "drizzle.config.mjs",
    prefix: "export default ",
  },
} as const;

export type DrizzleKitVersion = keyof typeof installed;

export type DrizzleKitResult = {
  readonly exitCode: number;
  readonly output: string;
  /** It was ended for it took longer than it was given. */
  readonly isOutOfTime: boolean;
};

/**
 * Runs the real `drizzle-kit migrate`, `up` or `push` as a process of its own, on this folder and database. Its configuration is
 * written beside the folder's migrations, where neither tool reads it.
 */
export async function runDrizzleKit(
  version: DrizzleKitVersion,
  verb: "migrate" | "up" | "push",
  options: { readonly dir: string; readonly url: string; readonly schema?: string; readonly timeoutMs?: number },
): Promise<DrizzleKitResult> {
  const { dir, url, schema, timeoutMs = 0 } = options;
  const { home, configFile, prefix } = installed[version];
  const config = join(dir, configFile);
  const settings = { dialect: "postgresql", out: dir, schema, dbCredentials: { url } };
  await writeFile(config, `${prefix}${JSON.stringify(settings)}`);
  const args = [join("node_modules", "drizzle-kit", "bin.cjs"), verb, "--config", config];
  return await new Promise((resolve) => {
    const limits = { timeout: timeoutMs, killSignal: "SIGKILL" } as const;
    execFile(process.execPath, args, { cwd: home, ...limits }, (error, stdout, stderr) => {
      const exitCode = typeof error?.code === "number" ? error.code : 0;
      resolve({ exitCode, output: `${stdout}${stderr}`, isOutOfTime: error?.killed === true });
    });
  });
}
