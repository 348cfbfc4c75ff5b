import type { ChildProcess } from "node:child_process";
import type { Clock } from "#lib/base/clock.ts";
import { after } from "./deadline.ts";

/** Children of a function can hold its outputs open after it has gone; their last words are not waited for longer. */
const lastWordsMs = 500;

/** Resolves, in the words of Lambda, to why the process ended, once its last words are read. */
export async function waitForEnd(child: ChildProcess, clock: Clock): Promise<string> {
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const reason = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`Runtime failed to start: ${error.message}`));
    child.once("exit", (code, signal) => resolve(describeExit(code, signal)));
  });
  const isLate = after(clock, lastWordsMs);
  await Promise.race([closed, isLate.promise]);
  isLate.cancel();
  for (const stream of child.stdio) stream?.destroy();
  return reason;
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `Runtime exited with error: signal: ${signal === "SIGKILL" ? "killed" : signal}`;
  return code === 0 ? "Runtime exited without providing a reason" : `Runtime exited with error: exit status ${code}`;
}
