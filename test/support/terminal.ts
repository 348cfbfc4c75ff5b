import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { repositoryRoot } from "./command-line.ts";
import { isInstalled } from "./debian.ts";
import { waitFor } from "./wait-for.ts";

/** util-linux's `script` gives a program a terminal. */
export const hasTerminals = isInstalled("script");

export const keys = { ctrlC: "\u0003", ctrlD: "\u0004", down: "\u001b[B", enter: "\r" } as const;

/** `postern …` at a terminal. Disposing kills it. */
export function startAtTerminal(verb: string, env: Readonly<Record<string, string>>) {
  return startCommand(`${process.execPath} ${join(repositoryRoot, "scripts", "cli.ts")} ${verb}`, env);
}

/** `npm run …` at a terminal. Disposing kills it. */
export function startNpmAtTerminal(script: string, env: Readonly<Record<string, string>>) {
  return startCommand(`npm run ${script}`, env);
}

function startCommand(command: string, env: Readonly<Record<string, string>>) {
  // A shell between the terminal and us would end with Ctrl-C, too: some (dash) say so by their exit code.
  const child = spawn("script", ["-qec", `exec ${command}`, "/dev/null"], {
    cwd: repositoryRoot,
    env: { ...process.env, ...env, POSTERN_JSON: "0", TERM: "xterm" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  let screen = "";
  child.stdout.on("data", (chunk: Buffer) => {
    screen += chunk.toString();
  });
  return {
    closed: once(child, "close"),
    screen: () => screen,
    /** Presses keys once the screen says something. */
    type: async (pressed: string, when: string) => {
      await waitFor(`the screen says ${when}:\n${screen}`, () => screen.includes(when), 20_000);
      child.stdin.write(pressed);
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}
