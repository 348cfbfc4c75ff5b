import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

export const repositoryRoot = join(import.meta.dirname, "..", "..");
const cli = join(repositoryRoot, "scripts", "cli.ts");

export type CommandResult = {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as the one JSON document that it must be. */
  readonly json: () => unknown;
};

export type CommandOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the repository, as `npm run` has it. */
  readonly cwd?: string;
  /** Standard input. Default: none. */
  readonly input?: string;
};

/** Variables of the machine that runs the tests which would change what a command does. */
const ambient = /^(?:POSTERN_|PG|AWS_|NO_COLOR|FORCE_COLOR)/;

/** Runs `postern …` as a process of its own, without a terminal. */
export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const child = startCommand(args, options);
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [exitCode, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
  return { exitCode, stdout, stderr, json: () => JSON.parse(stdout) };
}

/** Starts `postern …` and leaves it running. */
export function startCommand(args: readonly string[], options: CommandOptions = {}) {
  const { env = {}, cwd = repositoryRoot, input } = options;
  const inherited = Object.entries(process.env).filter(([name]) => !ambient.test(name));
  const child = spawn(process.execPath, [cli, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), AWS_EC2_METADATA_DISABLED: "true", ...env },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  // One that ends before it has read everything is its test's affair.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  return child as typeof child & { readonly stdout: Readable; readonly stderr: Readable };
}
