import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";

/** Turns on the spot, a moment at a time: between two it sees that whoever started it is gone. */
const program = `
process.stdin.on("end", () => process.exit(0)).resume();
const turn = () => {
  const until = performance.now() + 20;
  while (performance.now() < until);
  setImmediate(turn);
};
turn();`;

/** Keeps the machine's processors busy with so many processes, until it is disposed. */
export async function startLoad(processes = availableParallelism() * 2): Promise<AsyncDisposable> {
  const children = Array.from({ length: processes }, () =>
    spawn(process.execPath, ["-e", program], { stdio: ["pipe", "ignore", "inherit"] }),
  );
  await Promise.all(children.map(async (child) => once(child, "spawn")));
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(
        children.map(async (child) => {
          const ended = once(child, "close");
          child.kill("SIGKILL");
          await ended;
        }),
      );
    },
  };
}
