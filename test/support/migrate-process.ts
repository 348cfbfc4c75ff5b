import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { MigrateResult } from "#lib/protocol.ts";
import { type CommandOptions, startCommand } from "./command-line.ts";

export type MigrateProcess = AsyncDisposable & {
  readonly pid: number;
  /** All it has written to standard error so far. */
  readonly stderr: () => string;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Settles when the process has ended, whoever ended it. */
  readonly ended: Promise<MigrateEnd>;
};

export type MigrateEnd = {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one document that it printed. */
  readonly result: () => MigrateResult;
};

/** Starts `postern migrate --json` as a process of its own. Disposing kills it, frozen or not. */
export function startMigrate(
  at: { readonly url: string; readonly dir: string },
  args: readonly string[] = [],
  options: CommandOptions = {},
) {
  const child = startCommand(["migrate", "--url", at.url, "--dir", at.dir, "--json", ...args], options);
  let stderrSoFar = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderrSoFar += chunk.toString();
  });
  const collect = async (): Promise<MigrateEnd> => {
    const [[exitCode], stdout] = await Promise.all([
      once(child, "close") as Promise<[number | null]>,
      text(child.stdout),
    ]);
    return { exitCode, stdout, stderr: stderrSoFar, result: () => JSON.parse(stdout) as MigrateResult };
  };
  const ended = collect();
  return {
    pid: child.pid ?? 0,
    stderr: () => stderrSoFar,
    signal: (name: NodeJS.Signals) => void child.kill(name),
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  } satisfies MigrateProcess;
}
