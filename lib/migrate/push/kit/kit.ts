// oxlint-disable unicorn/require-post-message-target-origin -- a thread is no window
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { PosternError } from "#lib/base/errors.ts";
import { threadEnvironment } from "../../run/thread-environment.ts";
import { stopped } from "../stopped.ts";
import type { KitReply, KitRequest, QueryRow, SchemaDescription } from "./kit-messages.ts";

export type KitOptions = {
  /** Folder with `worker.mjs`, the bundle of `kit-worker.ts`, and `schema.mjs`: as `lib/bundle/push.ts` makes it. */
  readonly dir: string;
  /** For one request. Default 60 000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A schema file that fills the memory ends its thread, not the run. */
const resourceLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 64 };

const defaults = Object.freeze({ timeoutMs: 60_000 });

export type RunQuery = (sql: string) => Promise<readonly QueryRow[]>;

/** drizzle-kit with one schema file loaded. One request at a time. */
export interface Kit extends AsyncDisposable {
  /** @throws PosternError `push.invalid-schema` */
  describe(): Promise<SchemaDescription>;
  /**
   * What drizzle-kit would execute to make the database what the file says, as far as the file knows it.
   *
   * After a failure no query of it is under way, and it can be asked again.
   *
   * @param until ends it; default: the signal that the kit was opened with
   * @throws PosternError `push.ambiguous` where it would ask; whatever `query` throws; `push.failed`; why it was ended
   */
  plan(schemas: readonly string[], query: RunQuery, until?: AbortSignal): Promise<readonly string[]>;
}

/**
 * Loads drizzle-kit, and the schema file, in a thread of its own. Not for speed:
 *
 * - it asks on the terminal, where there is one, and prints a spinner on stdout: a thread's standard streams are no
 *   terminal, and what is written there is dropped here;
 * - it ends the process when a query fails, and when a question is left with Escape: in a thread only the thread ends;
 * - it adds methods to `String.prototype` and `Array.prototype`: those of the thread;
 * - a schema file that never ends loading can be ended.
 *
 * The thread has no connection: its queries come here.
 */
export function openKit(options: KitOptions): Kit {
  const { timeoutMs = defaults.timeoutMs, signal } = options;
  // Begins to load at once.
  let thread: Thread | undefined = startThread(options.dir);

  const request = async (message: KitRequest, query: RunQuery | undefined, until = signal) => {
    const used = (thread ??= startThread(options.dir));
    if (used.ended !== undefined) throw used.ended;
    try {
      return await converse(used.worker, message, query, { timeoutMs, signal: until });
    } catch (error) {
      // Left in the middle of a request: it would take the next one for the answer that it waits for.
      if (used.ended === undefined) {
        thread = undefined;
        await used.worker.terminate();
      }
      throw error;
    }
  };
  return {
    async describe() {
      const reply = await request({ type: "describe" }, undefined);
      if (reply.type === "described") return reply.schema;
      throw unexpected(reply);
    },
    async plan(schemas, query, until) {
      const reply = await request({ type: "plan", schemas }, query, until);
      if (reply.type === "planned") return reply.statements;
      throw unexpected(reply);
    },
    async [Symbol.asyncDispose]() {
      await thread?.worker.terminate();
    },
  };
}

type Thread = {
  readonly worker: Worker;
  /** A thread that ends between two requests answers none: the next one is told so, and does not wait. */
  ended: PosternError | undefined;
};

function startThread(dir: string): Thread {
  const worker = new Worker(pathToFileURL(join(dir, "worker.mjs")), {
    workerData: { schemaFile: pathToFileURL(join(dir, "schema.mjs")).href },
    // What Node was told to load first, a runtime client for one, is not the thread's.
    execArgv: [],
    env: threadEnvironment(),
    resourceLimits,
    stdout: true,
    stderr: true,
    stdin: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  const thread: Thread = { worker, ended: undefined };
  worker.on("error", (cause) => (thread.ended ??= describeError(cause)));
  worker.on("exit", () => (thread.ended ??= describeExit()));
  return thread;
}

type Limits = { readonly timeoutMs: number; readonly signal: AbortSignal | undefined };

/** Sends a request and serves the thread's queries until it has the reply, or fails; a query under way is waited for. */
async function converse(
  worker: Worker,
  message: KitRequest,
  query: RunQuery | undefined,
  { timeoutMs, signal }: Limits,
): Promise<Exclude<KitReply, { type: "query" }>> {
  const { promise, resolve, reject } = Promise.withResolvers<Exclude<KitReply, { type: "query" }>>();
  let querying: Promise<void> = Promise.resolve();
  const onMessage = (reply: KitReply) => {
    if (reply.type !== "query") return resolve(reply);
    if (query === undefined) return reject(new PosternError("internal", "drizzle-kit sent a query unasked."));
    querying = query(reply.sql).then(
      (rows) => worker.postMessage({ type: "rows", rows } satisfies KitRequest),
      (error: unknown) => reject(error),
    );
    return undefined;
  };
  const onError = (cause: unknown) => reject(describeError(cause));
  const onExit = () => reject(describeExit());
  const onAbort = () => signal !== undefined && reject(stopped(signal));
  const onTimeout = () => {
    const hint = "Look for something in the schema file that waits or never ends.";
    reject(new PosternError("push.failed", `drizzle-kit had no answer after ${timeoutMs / 1000} s.`, { hint }));
  };
  const timer = setTimeout(onTimeout, timeoutMs);
  worker.on("message", onMessage).on("error", onError).on("exit", onExit);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal?.aborted === true) onAbort();
    else worker.postMessage(message);
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.off("message", onMessage).off("error", onError).off("exit", onExit);
    signal?.removeEventListener("abort", onAbort);
    await querying;
  }
}

function describeError(cause: unknown): PosternError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PosternError("push.failed", `drizzle-kit failed: ${reason}`, { cause });
}

function describeExit(): PosternError {
  return new PosternError("push.failed", "drizzle-kit ended before it had answered.");
}

function unexpected(reply: Exclude<KitReply, { type: "query" }>): PosternError {
  switch (reply.type) {
    case "question":
      return new PosternError("push.ambiguous", "drizzle-kit would ask whether something was renamed, or is new.");
    case "failed": {
      const code = reply.while === "loading" ? "push.invalid-schema" : "push.failed";
      const what = reply.while === "loading" ? "The schema file cannot be loaded" : "drizzle-kit failed";
      return new PosternError(code, `${what}: ${reply.message}`);
    }
    case "described":
    case "planned":
      return new PosternError("internal", `drizzle-kit replied "${reply.type}" to another request.`);
    default:
      return reply satisfies never;
  }
}
