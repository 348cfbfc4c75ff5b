import { PosternError } from "#lib/base/errors.ts";

export type LostOutput = {
  readonly exitCode: number;
  /** What to say of it; a reader that left needs no words. */
  readonly error?: PosternError;
};

/** As a shell has it of a program that SIGPIPE ended (128 + 13), which Node ignores. */
const brokenPipeExitCode = 141;

/**
 * What it means that stdout took no more:
 *
 * - A reader that left (EPIPE) ends a verb that does nothing but tell. Any other goes on, as if nothing had been: it is no reason
 *   to leave a migration half watched (`postern status | head -1`).
 * - Of a terminal that went away (EIO) SIGHUP tells, too.
 * - Anything else (ENOSPC, EDQUOT, a disk's EIO) is an error. What the verb does is done all the same, and then its exit code
 *   says that somebody has half of the result.
 */
export function judgeLostOutput(
  { code, message }: NodeJS.ErrnoException,
  { isTerminal, endsWithReader }: { readonly isTerminal: boolean; readonly endsWithReader: boolean },
): LostOutput | undefined {
  if (code === "EPIPE") return endsWithReader ? { exitCode: brokenPipeExitCode } : undefined;
  if (code === "EIO" && isTerminal) return undefined;
  const error = new PosternError("output.unwritable", `stdout cannot be written: ${message}.`);
  return { exitCode: error.exitCode, error };
}
