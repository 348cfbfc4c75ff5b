import process from "node:process";
import { expect, test } from "vitest";
import { runAtTerminal } from "../../../../scripts/tunnel/child.ts";

const context = {
  signal: new AbortController().signal,
  leaveInterrupts: () => ({ [Symbol.dispose]: () => undefined }),
};

test("a program does not inherit what was for us alone, and has the rest", async () => {
  const env = { ...process.env, POSTERN_SSH_KEY_TEXT: "a key", POSTERN_SSH_PASSPHRASE: "its words", OTHER: "kept" };
  const check = `
    const { POSTERN_SSH_KEY_TEXT, POSTERN_SSH_PASSPHRASE, OTHER } = process.env;
    process.exit(OTHER !== "kept" ? 7 : POSTERN_SSH_KEY_TEXT ?? POSTERN_SSH_PASSPHRASE ? 8 : 3);`;
  expect(await runAtTerminal({ command: process.execPath, args: ["-e", check], env }, context)).toBe(3);
});
