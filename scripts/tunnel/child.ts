import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import process from "node:process";
import { PosternError } from "#lib/base/errors.ts";
import { withoutOwnSecrets } from "#lib/base/own-secrets.ts";
import type { CommandContext } from "../command-context.ts";

export type Child = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The command is a line for the shell. */
  readonly shell?: boolean;
  /** SIGINT goes before SIGTERM: psql has the server stop its statement, which would go on without anybody. */
  readonly interruptFirst?: boolean;
};

/** What a program may take for what it was told. */
const graceMs = Object.freeze({ interrupt: 500, end: 5_000 });

/**
 * Runs a program at our terminal, with our standard input and output. Ctrl-C at a terminal is its own; every other signal that
 * we get, and the end of what it needs (`lost`), ends it.
 *
 * @returns its exit code, as a shell has it: 128 and the signal's number for one that a signal ended
 * @throws PosternError `process.failed` when it cannot be started; the reason of the abort, or what `lost` resolves with, after
 *   it has ended
 */
export async function runAtTerminal(
  { command, args, env, shell = false, interruptFirst = false }: Child,
  { signal, leaveInterrupts }: Pick<CommandContext, "signal" | "leaveInterrupts">,
  lost?: Promise<PosternError | undefined>,
): Promise<number> {
  signal.throwIfAborted();
  // Without a keyboard SIGINT is as good as SIGTERM, and may have been sent to us alone.
  using _interrupts = process.stdin.isTTY ? leaveInterrupts() : undefined;
  const child = spawn(command, [...args], { env: withoutOwnSecrets(env), shell, stdio: "inherit" });
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  let isOver = false;
  let failure: unknown;
  let timer: NodeJS.Timeout | undefined;
  const terminate = () => {
    child.kill("SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), graceMs.end);
  };
  const end = (reason: unknown) => {
    if (isOver || failure !== undefined) return;
    failure = reason;
    if (!interruptFirst) return terminate();
    child.kill("SIGINT");
    timer = setTimeout(terminate, graceMs.interrupt);
  };
  const onAbort = () => end(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const endWhenLost = async () => {
    const reason = await lost;
    if (reason !== undefined) end(reason);
  };
  void endWhenLost();
  try {
    const [code, endedBy] = await ended.catch((error: unknown) => {
      throw startError(command, child, error);
    });
    if (failure !== undefined) throw failure;
    return code ?? 128 + (endedBy === null ? 0 : constants.signals[endedBy]);
  } finally {
    isOver = true;
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

function startError(command: string, child: ChildProcess, error: unknown): PosternError {
  const reason = error instanceof Error && "code" in error ? String(error.code) : "it did not start";
  child.kill("SIGKILL");
  return new PosternError("process.failed", `Cannot start ${command} (${reason}).`, { cause: error });
}
