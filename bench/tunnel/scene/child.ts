import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";

/**
 * The parts of a measurement are processes of their own, as in life: in one process they would wait for each other's turn.
 * They talk over Node's own channel, so that nothing secret is in an argument or the environment.
 */
export type Child<Asked, Answer> = AsyncDisposable & {
  readonly pid: number;
  /** @throws what went wrong there */
  ask(message: Asked): Promise<Answer>;
};

type Reply = { readonly id: number; readonly answer?: unknown; readonly error?: string };

/** Starts the program; it is ended when this process ends, whatever becomes of it. */
export async function startChild<Asked, Answer>(
  file: string,
  nodeOptions: readonly string[] = [],
): Promise<Child<Asked, Answer>> {
  const child = fork(file, { execArgv: [...nodeOptions], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const waiting = new Map<number, PromiseWithResolvers<Answer>>();
  let lastId = 0;
  child.on("message", ({ id, answer, error }: Reply) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) one?.resolve(answer as Answer);
    else one?.reject(new Error(error));
  });
  const exited = once(child, "exit");
  child.once("exit", (code, signal) => {
    for (const one of waiting.values()) one.reject(new Error(`${file} has ended (${signal ?? code}).`));
  });
  await once(child, "spawn");
  return {
    pid: child.pid ?? 0,
    ask: async (message) => {
      lastId += 1;
      const one = Promise.withResolvers<Answer>();
      waiting.set(lastId, one);
      child.send({ id: lastId, message });
      return await one.promise;
    },
    [Symbol.asyncDispose]: async () => await end(child, exited),
  };
}

const politeMs = 5_000;

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.connected) child.disconnect();
  const force = setTimeout(() => child.kill("SIGKILL"), politeMs);
  if (child.exitCode === null && child.signalCode === null) await exited;
  clearTimeout(force);
}

type Question = { readonly id: number; readonly message: unknown };

/**
 * The other end: answers what it is asked, and disposes and ends when the parent is gone.
 *
 * @param answer what `ask` sends, whose type both ends know
 */
export function serveParent(answer: (message: never) => Promise<unknown>, dispose: () => Promise<void>): void {
  const reply = async ({ id, message }: Question) => {
    try {
      process.send?.({ id, answer: await answer(message as never) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? error.message : String(error) });
    }
  };
  process.on("message", (question: Question) => void reply(question));
  process.once("disconnect", () => void dispose().finally(() => process.exit()));
}
