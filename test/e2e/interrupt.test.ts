import { afterEach, beforeEach, expect, test } from "vitest";
import { startOutsideOfStage } from "../support/outside-of-stage.ts";
import { hasTerminals, keys, startAtTerminal } from "../support/terminal.ts";

const { ctrlC, ctrlD, down, enter } = keys;

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
  const terminal = stack.use(startAtTerminal("migrate", stage.env));
  return { ...terminal, isCancelled: () => isCancelled };
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

test.skipIf(!hasTerminals)("Ctrl-D in place of an answer leaves the run alone", async () => {
  const terminal = await migrateAtTerminal();
  await terminal.type(ctrlC, "is running");
  await terminal.type(ctrlD, "select");
  expect(await terminal.closed).toEqual([130, null]);
  expect(terminal.screen()).toMatch(/--run-id \S+, end it with --cancel \S+/u);
  expect(terminal.screen()).not.toContain("Warning");
  expect(terminal.isCancelled()).toBe(false);
});
