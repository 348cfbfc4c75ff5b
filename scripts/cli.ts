#!/usr/bin/env node
import { dirname } from "node:path";
import process from "node:process";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { judgeLostOutput } from "./lost-output.ts";
import { isNpmScript } from "./npm-flags.ts";
import { createOutput } from "./output.ts";
import { isFalse, runProgram } from "./program.ts";

/**
 * The command line's edge: argv, the signals, the streams and the exit code are touched here and nowhere else.
 * A first signal aborts the verb, which releases what it holds; a second one ends the process at once.
 */
const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

const parentPollMs = 500;

/** Within it the same signal is npm's copy of what the terminal sent us itself. */
const npmEchoMs = 1_000;

type SignalName = keyof typeof signalExitCodes;

const args = process.argv.slice(2);
const streams = { stdout: process.stdout, stderr: process.stderr, env: process.env };
const json = args.includes("--json") || !isFalse(process.env["POSTERN_JSON"] ?? "");
const output = createOutput({ ...streams, json });
const abort = new AbortController();
let stopped: { readonly by: SignalName; readonly atMs: number; readonly exitCode: number } | undefined;
let lostExitCode: number | undefined;
let endsWithReader = false;
let interruptsLeft = 0;

// What a verb writes may be code and configuration: for its owner to change, whatever the shell's umask says.
process.umask(process.umask() | 0o022);
for (const signal of Object.keys(signalExitCodes) as SignalName[]) process.on(signal, () => stop(signal));
process.stdout.on("error", loseOutput);
// What was meant for people is lost, and there is no other place to say so; the result and the exit code are not.
process.stderr.on("error", () => {});
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
      endWithReader: () => {
        endsWithReader = true;
      },
    });
  } catch (error) {
    const thrown = toPosternError(error);
    // A signal ends the processes of a verb too: that they fail then is no news. That the run was cancelled is what was asked for.
    const isNews = thrown.code === "aborted" || thrown.code === "run.cancelled";
    const known = abort.signal.aborted && !isNews ? toPosternError(abort.signal.reason) : thrown;
    output.error(known.toDocument());
    exitCode = known.exitCode;
  }
  return stopped?.exitCode ?? lostExitCode ?? exitCode;
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
  if (isNpmEcho(signal)) return;
  if (stopped !== undefined) {
    const hint = "See `postern status` for what is applied.";
    output.error(new PosternError("aborted", `Stopped at once by a second signal, ${signal}.`, { hint }).toDocument());
    process.exit(signalExitCodes[signal]);
  }
  stopped = { by: signal, atMs: performance.now(), exitCode: signalExitCodes[signal] };
  abort.abort(new PosternError("aborted", `Stopped by ${signal}.`));
}

/** Ctrl-C reaches npm as well as us, and npm passes it on: one key, two signals. */
function isNpmEcho(signal: SignalName): boolean {
  return isNpmScript(process.env) && stopped?.by === signal && performance.now() - stopped.atMs < npmEchoMs;
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
    if (stopped === undefined) stop("SIGHUP");
  }, parentPollMs);
  timer.unref();
}

/** The first of them counts: what is written afterwards fails, too. It may come behind the verb's end. */
function loseOutput(error: NodeJS.ErrnoException): void {
  if (lostExitCode !== undefined || stopped !== undefined) return;
  const lost = judgeLostOutput(error, { isTerminal: process.stdout.isTTY, endsWithReader });
  if (lost === undefined) return;
  lostExitCode = lost.exitCode;
  process.exitCode = lostExitCode;
  // stdout cannot tell of it, with --json neither.
  if (lost.error !== undefined) createOutput({ ...streams, json: false }).error(lost.error.toDocument());
  if (endsWithReader) abort.abort(new PosternError("aborted", "Nobody reads stdout any more."));
}
