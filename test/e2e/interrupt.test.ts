import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { repositoryRoot } from "../support/command-line.ts";
import { isInstalled } from "../support/debian.ts";
import { startOutsideOfStage } from "../support/outside-of-stage.ts";
import { waitFor } from "../support/wait-for.ts";

/** util-linux's `script` gives a program a terminal. */
const hasTerminals = isInstalled("script");
const [ctrlC, down, enter] = ["\u0003", "\u001b[B", "\r"];

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(async () => stack.disposeAsync());

/** `postern migrate` at a terminal, on a stage whose run goes on until it is cancelled. */
async function migrateAtTerminal() {
  let isCancelled = false;
  const error = { code: "run.cancelled", message: "The run was cancelled by me." };
  const stage = stack.use(
    await startOutsideOfStage({
      inspect: ({ action, runId }) => {
        isCancelled ||= action === "cancel";
        if (action === "cancel" || !isCancelled) return { runId, state: "running" };
        return {
          runId,
          state: "ended",
          result: { status: "partial", applied: [], pending: ["a"], runId, ms: 1, error },
        };
      },
    }),
  );
  const command = `${process.execPath} ${join(repositoryRoot, "scripts", "cli.ts")} migrate`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: repositoryRoot,
    env: { ...process.env, ...stage.env, POSTERN_JSON: "0", TERM: "xterm" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  stack.defer(() => {
    child.kill("SIGKILL");
  });
  let screen = "";
  child.stdout.on("data", (chunk: Buffer) => {
    screen += chunk.toString();
  });
  const closed = once(child, "close");
  const type = async (keys: string, when: string) => {
    await waitFor(`the screen says ${when}:\n${screen}`, () => screen.includes(when), 20_000);
    child.stdin.write(keys);
  };
  return { type, closed, screen: () => screen, isCancelled: () => isCancelled };
}

test.skipIf(!hasTerminals)("Ctrl-C at a terminal asks, and leaves the run alone when told to", async () => {
  const terminal = await migrateAtTerminal();
  await terminal.type(ctrlC, "is running");
  await terminal.type(enter, "leave it running");
  expect(await terminal.closed).toEqual([130, null]);
  expect(terminal.screen()).toMatch(/--run-id \S+, end it with --cancel \S+/u);
  expect(terminal.isCancelled()).toBe(false);
});

test.skipIf(!hasTerminals)("Ctrl-C at a terminal cancels the run when told to, and shows how it ended", async () => {
  const terminal = await migrateAtTerminal();
  await terminal.type(ctrlC, "is running");
  await terminal.type(`${down}${enter}`, "leave it running");
  expect(await terminal.closed).toEqual([130, null]);
  expect(terminal.isCancelled()).toBe(true);
  expect(terminal.screen()).toContain("The run was cancelled by me.");
});
