import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";

export type Program = AsyncDisposable & {
  readonly pid: number;
  /** The next line of its standard output; undefined at the end. */
  nextLine(): Promise<string | undefined>;
  /** The next JSON document of its standard output, on one line or several. */
  nextDocument(): Promise<unknown>;
  /** All it has written to standard error so far. */
  stderr(): string;
  /** Settles with its exit code when it has ended; null when a signal ended it. */
  readonly exitCode: Promise<number | null>;
  /** Sends the signal and waits until it has ended. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Runs a TypeScript file in a process of its own, with this process's Node. Disposing kills it. */
export function startProgram(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Program {
  const { NODE_COMPILE_CACHE } = process.env; // of the run (see global-setup.ts)
  const env = { NODE_COMPILE_CACHE, ...(options.env ?? process.env) };
  const child = spawn(process.execPath, [file, ...args], { ...options, env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const nextLine = async () => {
    const next = await lines.next();
    return next.done === true ? undefined : next.value;
  };
  const exitCode = ended.then(([code]) => code as number | null);
  const end = async (signal: NodeJS.Signals = "SIGKILL") => {
    child.kill(signal);
    return exitCode;
  };
  return {
    pid: child.pid ?? 0,
    nextLine,
    nextDocument: async () => {
      let text = "";
      for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
        text += `${line}\n`;
        const document = tryParse(text);
        if (document !== undefined) return document;
      }
      throw new Error(`The program ended without a document. Its standard error:\n${stderr}`);
    },
    stderr: () => stderr,
    exitCode,
    end,
    [Symbol.asyncDispose]: async () => {
      await end();
    },
  };
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
