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

export type DrizzleKitResult = { readonly exitCode: number; readonly output: string };

/**
 * Runs the real `drizzle-kit migrate`, `up` or `push` as a process of its own, on this folder and database. Its configuration is
 * written beside the folder's migrations, where neither tool reads it.
 */
export async function runDrizzleKit(
  version: keyof typeof installed,
  verb: "migrate" | "up" | "push",
  { dir, url, schema }: { readonly dir: string; readonly url: string; readonly schema?: string },
): Promise<DrizzleKitResult> {
  const { home, configFile, prefix } = installed[version];
  const config = join(dir, configFile);
  const settings = { dialect: "postgresql", out: dir, schema, dbCredentials: { url } };
  await writeFile(config, `${prefix}${JSON.stringify(settings)}`);
  const args = [join("node_modules", "drizzle-kit", "bin.cjs"), verb, "--config", config];
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: home }, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, output: `${stdout}${stderr}` });
    });
  });
}
