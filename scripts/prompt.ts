import process from "node:process";

export type Choice<Value extends string> = { readonly value: Value; readonly name: string };

/**
 * Asks on the terminal, on stderr, so that stdout stays data.
 *
 * @returns undefined when nobody answers: no terminal, or Ctrl-C
 */
export async function choose<Value extends string>(
  message: string,
  choices: readonly Choice<Value>[],
): Promise<Value | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { default: select } = await import("@inquirer/select");
  try {
    return await select({ message, choices: [...choices] }, { output: process.stderr });
  } catch (error) {
    if (error instanceof Error && error.name === "ExitPromptError") return undefined;
    throw error;
  }
}
