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

const args = process.argv.slice(2);
const output = createOutput({
  json: args.includes("--json") || !isFalse(process.env["POSTERN_JSON"] ?? ""),
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
const abort = new AbortController();
let signalExitCode: number | undefined;

for (const [signal, exitCode] of Object.entries(signalExitCodes)) {
  process.on(signal, () => {
    if (signalExitCode !== undefined) process.exit(exitCode);
    signalExitCode = exitCode;
    abort.abort(new PosternError("aborted", `Stopped by ${signal}.`));
  });
}
// A reader that went away (`postern status | head -1`) is no reason to leave a migration half watched.
for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
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
      env: process.env,
      root: dirname(import.meta.dirname),
      endWith: (code) => {
        exitCode = code;
      },
    });
  } catch (error) {
    const known = toPosternError(error);
    output.error(known.toDocument());
    exitCode = known.exitCode;
  }
  return signalExitCode ?? exitCode;
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
