import process from "node:process";
import type { ReadStream } from "node:tty";
import { systemClock } from "#lib/base/clock.ts";

export type Choice<Value extends string> = { readonly value: Value; readonly name: string };

/** Ctrl-C, and the end of the input. */
const noAnswer: ReadonlySet<string> = new Set(["ExitPromptError", "AbortPromptError"]);

/**
 * Asks on the terminal, on stderr, so that stdout stays data. Keys that were pressed before are no answer.
 *
 * @returns undefined when nobody answers: no terminal, Ctrl-C, or Ctrl-D
 */
export async function choose<Value extends string>(
  message: string,
  choices: readonly Choice<Value>[],
): Promise<Value | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { default: select } = await import("@inquirer/select");
  await forgetTyped(process.stdin);
  const ended = new AbortController();
  // The end of the input stops its reader, and the prompt would wait for ever for what nobody reads.
  const end = () => ended.abort();
  process.stdin.once("pause", end);
  try {
    return await select({ message, choices: [...choices] }, { output: process.stderr, signal: ended.signal });
  } catch (error) {
    if (error instanceof Error && noAnswer.has(error.name)) return undefined;
    throw error;
  } finally {
    process.stdin.off("pause", end);
  }
}

/** For the terminal to hand out what it has. */
const forgetMs = 50;

/** The terminal keeps what was typed while nobody read, and would hand it to the question that comes next. */
async function forgetTyped(terminal: ReadStream): Promise<void> {
  // Raw, so that a line without its end is handed out, too. The prompt takes the mode over, and sets it back.
  terminal.setRawMode(true);
  terminal.resume();
  await systemClock.sleep(forgetMs);
  terminal.pause();
}
