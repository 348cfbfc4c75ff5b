#!/usr/bin/env node
import { dirname } from "node:path";
import process from "node:process";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { createOutput } from "./output.ts";
import { isFalse, runProgram } from "./program.ts";

/**
 * The command line's edge: argv, the signals, the streams and the exit code are touched here and nowhere else.
 * A first signal aborts the verb, which releases what it holds; a second one ends the process at once.
 */
const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

const parentPollMs = 500;

type SignalName = keyof typeof signalExitCodes;

const args = process.argv.slice(2);
const output = createOutput({
  json: args.includes("--json") || !isFalse(process.env["POSTERN_JSON"] ?? ""),
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
const abort = new AbortController();
let signalExitCode: number | undefined;
let interruptsLeft = 0;

// What a verb writes may be code and configuration: for its owner to change, whatever the shell's umask says.
process.umask(process.umask() | 0o022);
for (const signal of Object.keys(signalExitCodes) as SignalName[]) process.on(signal, () => stop(signal));
// A reader or a terminal that went away (`postern status | head -1`) is no reason to leave a migration half watched.
for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosed);
if (process.env["npm_lifecycle_event"] !== undefined) followParent();
process.on("uncaughtException", (error) => {
  output.error(toPosternError(error).toDocument());
  process.exit(2);
});

process.exitCode = await main();

async function main(): Promise<number> {
  let exitCode = 0;
  try {
    await runProgram(args, {
      signal: abort.signal,
      output,
      args,
      env: process.env,
      root: dirname(import.meta.dirname),
      endWith: (code) => {
        exitCode = code;
      },
      leaveInterrupts,
    });
  } catch (error) {
    const thrown = toPosternError(error);
    // A signal ends the processes of a verb too: that they fail then is no news. That the run was cancelled is what was asked for.
    const isNews = thrown.code === "aborted" || thrown.code === "run.cancelled";
    const known = abort.signal.aborted && !isNews ? toPosternError(abort.signal.reason) : thrown;
    output.error(known.toDocument());
    exitCode = known.exitCode;
  }
  return signalExitCode ?? exitCode;
}

function leaveInterrupts(): Disposable {
  interruptsLeft += 1;
  return {
    [Symbol.dispose]: () => {
      interruptsLeft -= 1;
    },
  };
}

function stop(signal: SignalName): void {
  if (signal === "SIGINT" && interruptsLeft > 0) return;
  if (signalExitCode !== undefined) {
    const hint = "See `postern status` for what is applied.";
    output.error(new PosternError("aborted", `Stopped at once by a second signal, ${signal}.`, { hint }).toDocument());
    process.exit(signalExitCodes[signal]);
  }
  signalExitCode = signalExitCodes[signal];
  abort.abort(new PosternError("aborted", `Stopped by ${signal}.`));
}

/**
 * npm passes SIGINT and SIGTERM on, but not SIGHUP, and nothing when it is killed: a process that was started through it
 * ends when it does, as if its terminal had been closed.
 */
function followParent(): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    if (signalExitCode === undefined) stop("SIGHUP");
  }, parentPollMs);
  timer.unref();
}

function ignoreClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
}
