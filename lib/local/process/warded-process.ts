import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PosternError } from "#lib/base/errors.ts";
import { killQuietly } from "#lib/base/process-facts.ts";

/** What the warden is told in its first line. No secrets: the server's environment is complete in here. */
export type WardenOrder = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Sent one after the other, `graceMs` apart, until the process has exited. */
  readonly stopSignals: readonly NodeJS.Signals[];
  readonly graceMs: number;
};

export type WardenEvent =
  | { readonly event: "started"; readonly pid: number }
  | { readonly event: "failed"; readonly message: string }
  | { readonly event: "exited"; readonly code: number | null; readonly signal: string | null };

export type Exit = { readonly code: number | null; readonly signal: string | null };

/** A process that ends when we do, whatever ends us. */
export type WardedProcess = AsyncDisposable & {
  readonly pid: number;
  /** Settles when the process has exited. */
  readonly exited: Promise<Exit>;
  /** Its last log lines, oldest first. */
  lastLines(): readonly string[];
  /** Stops the process and waits until it has exited. */
  readonly stop: () => Promise<void>;
};

export type WardedProcessOptions = WardenOrder & {
  /** Every line that the process writes. */
  readonly onLine?: (line: string) => void;
};

const keptLines = 30;

/**
 * Starts a process under a warden (see `warden.ts`).
 *
 * @throws PosternError `process.failed` when it cannot be started at all
 */
export async function startWardedProcess(options: WardedProcessOptions): Promise<WardedProcess> {
  const { onLine, ...order } = options;
  const warden = spawn(process.execPath, [join(import.meta.dirname, "warden.ts")], {
    cwd: "/",
    detached: true,
    // Neither NODE_OPTIONS nor anything else of ours: the warden must start under every condition.
    env: {},
    stdio: ["pipe", "pipe", "pipe"],
  });
  // It may be gone when we write; `exited` tells.
  warden.stdin.on("error", () => {});
  warden.stdin.write(`${JSON.stringify(order)}\n`);

  const recent: string[] = [];
  createInterface({ input: warden.stderr }).on("line", (line) => {
    recent.push(line);
    if (recent.length > keptLines) recent.shift();
    onLine?.(line);
  });

  const { started, exited } = follow(warden, order.stopSignals[0] ?? "SIGTERM");
  const pid = await started.catch((error: unknown) => {
    warden.stdin.destroy();
    throw error;
  });

  const stop = async () => {
    warden.stdin.end();
    await exited;
  };
  return { pid, exited, lastLines: () => recent, stop, [Symbol.asyncDispose]: stop };
}

/**
 * Turns the warden's events into promises. When the warden itself dies (kill -9), the server has lost its guard while
 * we are still here: we stop it in the warden's place.
 */
function follow(warden: ChildProcess & { stdout: NodeJS.ReadableStream }, stopSignal: NodeJS.Signals) {
  const started = Promise.withResolvers<number>();
  const exited = Promise.withResolvers<Exit>();
  let serverPid: number | undefined;
  let exit: Exit | undefined;

  createInterface({ input: warden.stdout }).on("line", (line) => {
    const event = JSON.parse(line) as WardenEvent;
    switch (event.event) {
      case "started":
        serverPid = event.pid;
        started.resolve(event.pid);
        break;
      case "failed":
        started.reject(new PosternError("process.failed", `Could not start the process: ${event.message}`));
        break;
      case "exited":
        exit = { code: event.code, signal: event.signal };
        break;
      default:
        event satisfies never;
    }
  });
  warden.once("error", (error) => {
    started.reject(
      new PosternError("process.failed", `Could not start the warden: ${error.message}`, { cause: error }),
    );
  });
  warden.once("exit", () => {
    if (exit === undefined && serverPid !== undefined) killQuietly(serverPid, stopSignal);
  });
  // "close" comes when the pipes have ended too: when the server has exited as well, for it holds our standard error.
  warden.once("close", () => {
    started.reject(new PosternError("process.failed", "The warden ended before it had started the process."));
    exited.resolve(exit ?? { code: null, signal: null });
  });
  return { started: started.promise, exited: exited.promise };
}
