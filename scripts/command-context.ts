import type { Command } from "commander";
import type { Output } from "./output.ts";

/** What the command line hands to a verb. A verb reads nothing else of the process. */
export type CommandContext = {
  /** Aborted by SIGINT, SIGTERM and SIGHUP. The verb releases what it opened and returns or throws. */
  readonly signal: AbortSignal;
  readonly output: Output;
  /** As they were typed, without node and script. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of package.json. */
  readonly root: string;
  /**
   * Sets the exit code of a verb that has a result to print although not all is well: 1 the user must act, 2 it could
   * not be done. A verb without a result throws.
   */
  readonly endWith: (exitCode: number) => void;
  /**
   * Until it is disposed, SIGINT is not ours: Ctrl-C reaches every program at the terminal, and the one that the verb has
   * started there makes of it what it wants (psql ends a statement). Other signals abort as ever.
   */
  readonly leaveInterrupts: () => Disposable;
  /** From here on the verb does nothing but tell what happens: when stdout's reader leaves, the signal is aborted. */
  readonly endWithReader: () => void;
};

/**
 * What each file in `scripts/commands` exports, as `register<Verb>`: it gives flags, help and the action to `command`,
 * which exists already under the verb's name. The file is loaded only when its verb was typed.
 */
export type RegisterVerb = (command: Command, context: CommandContext) => void;
