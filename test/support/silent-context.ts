import type { CommandContext } from "../../scripts/command-context.ts";
import { createOutput } from "../../scripts/output.ts";

const stream = { write: () => {} };

/** For commands that are called and not run as processes: nothing of what they say is kept. */
export const silentContext: CommandContext = {
  signal: new AbortController().signal,
  output: createOutput({ json: false, stdout: stream, stderr: stream, env: {} }),
  args: [],
  env: {},
  root: "/nowhere",
  endWith: () => {},
  leaveInterrupts: () => ({ [Symbol.dispose]: () => {} }),
  endWithReader: () => {},
};
