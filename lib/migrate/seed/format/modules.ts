// oxlint-disable unicorn/require-post-message-target-origin -- a thread is no window
import { extname } from "node:path";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { PosternError } from "#lib/base/errors.ts";
import { threadEnvironment } from "../../run/thread-environment.ts";
import { describeModuleError } from "./module-words.ts";
import type { LoadedModule, ModuleFile, ModuleReply, ModuleRequest } from "./module-messages.ts";

/** When code that does not come back is ended. */
export type ModuleLimits = {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds left; default: infinite. */
  readonly remainingMs?: (() => number) | undefined;
  /** Throws why it is over. */
  readonly stop: () => void;
};

/** The modules of one run. */
export interface SeedModules extends AsyncDisposable {
  /** @throws PosternError `seed.invalid-file`, `seed.failed`, why the run is over */
  load(file: ModuleFile): Promise<LoadedModule>;
  /** The rows of a module that was loaded, from the first at each call. Throws as `load` does. */
  rows(file: ModuleFile): AsyncGenerator<readonly unknown[]>;
}

/** Beside this file in the source, and in a bundle, under the name that `lib/bundle` gives it. */
const threadFile = new URL(
  extname(import.meta.url) === ".ts" ? "./module-thread.ts" : "./seed-modules.mjs",
  import.meta.url,
);

/** A timer of more fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Runs seed modules in a thread of their own, which is started for the first of them:
 *
 * - code that waits for ever, or never lets go of its thread (`while (true)`), is ended with the run: by a signal, a cancel,
 *   the deadline. The thread that runs it could not even notice them;
 * - the lease, progress and cancels are served while it computes;
 * - it sees of the environment the time zone and NODE_ENV, and no password or key of the runner;
 * - `process.exit` ends the thread alone, and what it writes to standard output goes to standard error: standard output
 *   belongs to the result.
 */
export function openSeedModules(limits: ModuleLimits): SeedModules {
  const waiting = new Map<number, PromiseWithResolvers<ModuleReply>>();
  let worker: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ended: PosternError | undefined;
  let lastId = 0;

  const end = (reason: PosternError) => {
    ended ??= reason;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    clearTimeout(timer);
    limits.signal?.removeEventListener("abort", onOver);
    void worker?.terminate();
  };
  const onOver = () => end(whyOver(limits));
  const watchTime = () => {
    const leftMs = limits.remainingMs?.() ?? Number.POSITIVE_INFINITY;
    if (leftMs <= 0) onOver();
    else if (Number.isFinite(leftMs)) timer = setTimeout(watchTime, Math.min(Math.ceil(leftMs), longestTimerMs));
  };
  const start = () => {
    // What Node was told to load first, a runtime client for one, is not the thread's.
    const started = new Worker(threadFile, { execArgv: [], env: threadEnvironment(), stdout: true });
    started.stdout.pipe(process.stderr, { end: false });
    started.on("message", (reply: ModuleReply) => {
      waiting.get(reply.id)?.resolve(reply);
      waiting.delete(reply.id);
    });
    started.on("error", (error) => end(describeCrash(error)));
    started.on("exit", () => end(endedByModule()));
    limits.signal?.addEventListener("abort", onOver, { once: true });
    watchTime();
    return started;
  };
  const post = (request: DistributiveOmit<ModuleRequest, "id">) => {
    if (limits.signal?.aborted === true) onOver();
    if (ended !== undefined) throw ended;
    worker ??= start();
    lastId += 1;
    worker.postMessage({ ...request, id: lastId });
    return lastId;
  };
  const ask = async (request: DistributiveOmit<ModuleRequest, "id">) => {
    const asked = Promise.withResolvers<ModuleReply>();
    waiting.set(post(request), asked);
    return refuseFailure(await asked.promise);
  };

  let lastReading = 0;
  return {
    async load(file) {
      const reply = await ask({ type: "load", file });
      if (reply.type !== "loaded") throw unexpected(reply);
      return reply.module;
    },
    async *rows(file) {
      lastReading += 1;
      const reading = lastReading;
      await ask({ type: "open", file, reading });
      const askNext = async () => ask({ type: "next", reading });
      try {
        for (let next = askNext(); ;) {
          const reply = await next;
          if (reply.type !== "rows") throw unexpected(reply);
          const { rows, isDone, failure } = reply;
          if (!isDone) next = askNext();
          // Its failure is seen by the `await` above, unless nobody wants more rows by then.
          next.catch(() => undefined);
          yield* rows;
          if (failure !== undefined) throw invalidFile(failure);
          if (isDone) return;
        }
      } finally {
        if (ended === undefined) post({ type: "close", reading });
      }
    },
    async [Symbol.asyncDispose]() {
      end(new PosternError("aborted", "The seed modules were let go of."));
      await worker?.terminate();
    },
  };
}

type DistributiveOmit<Union, Key extends string> = Union extends unknown ? Omit<Union, Key> : never;

function whyOver({ stop }: ModuleLimits): PosternError {
  try {
    stop();
  } catch (error) {
    if (error instanceof PosternError) return error;
  }
  return new PosternError("aborted", "Seeding was stopped while a seed module was at work.");
}

type Answered = Exclude<ModuleReply, { type: "failed" }>;

function refuseFailure(reply: ModuleReply): Answered {
  if (reply.type === "failed") throw invalidFile(reply.failure);
  return reply;
}

function invalidFile({
  message,
  hint,
}: {
  readonly message: string;
  readonly hint?: string | undefined;
}): PosternError {
  return new PosternError("seed.invalid-file", message, { hint });
}

function describeCrash(error: unknown): PosternError {
  return new PosternError("seed.failed", `${describeModuleError("A seed module failed", error)}.`, {
    hint: "Nothing of the rows under way was kept; mend the module, then run seed again.",
  });
}

function endedByModule(): PosternError {
  return new PosternError(
    "seed.failed",
    "A seed module ended its thread (process.exit) before its rows were written.",
    { hint: "Throw an error instead: it is reported with the file and the row. Then run seed again." },
  );
}

function unexpected({ type }: ModuleReply): PosternError {
  return new PosternError("internal", `The thread of the seed modules replied "${type}" to another request.`);
}
