import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import type { Readable } from "node:stream";
import { type Clock, elapsedMs } from "#lib/base/clock.ts";
import { after, late, never } from "./deadline.ts";
import { environmentVariables } from "./environment-variables.ts";
import { defaultMemoryMb, initTimeoutMs } from "./limits.ts";
import { readLogStream } from "./log-stream.ts";
import { waitForEnd } from "./process-end.ts";
import { type RuntimeEvent, type RuntimeResult, startRuntimeApi } from "./runtime-api.ts";

/** What a function is, as its configuration says. */
export type FunctionConfig = {
  readonly name: string;
  /** Folder with the code: the working directory of the function. */
  readonly bundleDir: string;
  /** For instance `index.handler`. */
  readonly handler: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Default: 512. The process is told; its heap is limited to nine tenths of it. */
  readonly memoryMb?: number;
};

export type EnvironmentOptions = {
  readonly config: FunctionConfig;
  readonly region: string;
  readonly clock: Clock;
  /** A line that the environment wrote, or several with \n between them where it was one record. */
  readonly onLine: (line: string) => void;
};

type Invocation = Omit<RuntimeEvent, "deadlineMs">;

/** How one event ended. */
type Outcome = RuntimeResult & {
  /** From the moment the function got the event. */
  readonly durationMs: number;
  /** What the platform, not the function, has to say about it in the log. */
  readonly platformLine?: string;
};

/** One process that handles one event at a time. */
export type Environment = AsyncDisposable & {
  /** Resolves when the code is loaded and waits for an event, or when it never will. */
  readonly ready: Promise<void>;
  /** Milliseconds from spawn to ready; undefined until then. */
  initMs(): number | undefined;
  isAlive(): boolean;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** Call it with one event at a time. Never rejects: every failure is an outcome. */
  run(invocation: Invocation, onStart: () => void): Promise<Outcome>;
};

const runtimeClient = createRequire(import.meta.url).resolve("aws-lambda-ric");
/** `--import` takes a URL: in a path, `%`, `#` and `?` would mean something else. */
const rapidClient = new URL("rapid-client.mjs", import.meta.url).href;

/**
 * Starts one execution environment: a process with AWS's own runtime client and its own runtime API.
 *
 *     loading --next--> idle --event--> busy --result, next--> idle
 *        |               |               |
 *        +---------------+------ exit, timeout, dispose ------> gone
 *
 * A result counts once the process has asked for its next event (or has gone), for only then all that it logged about
 * this one is known. An environment that timed out is killed, as on Lambda.
 *
 * Unlike on Lambda, the process is not frozen between events: a frozen one could not notice that its host was killed.
 */
export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const { config, region, clock, onLine } = options;
  const { memoryMb = defaultMemoryMb } = config;
  const startMs = clock.nowMs();
  let initMs: number | undefined;
  let initError: RuntimeResult | undefined;
  let polls = 0;
  let free = Promise.withResolvers<(event: RuntimeEvent) => void>();
  let answered: { readonly requestId: string; readonly resolve: (result: RuntimeResult) => void } | undefined;

  const api = await startRuntimeApi({
    onPoll: (send) => {
      initMs ??= elapsedMs(clock, startMs);
      polls += 1;
      free.resolve(send);
    },
    onResult: (requestId, result) => {
      if (answered?.requestId === requestId) answered.resolve(result);
    },
    onInitError: (payload) => {
      initError ??= { payload, isError: true };
    },
  });
  const env = environmentVariables({
    functionName: config.name,
    handler: config.handler,
    bundleDir: config.bundleDir,
    memoryMb,
    region,
    logStreamName: logStreamName(clock.wallTime()),
    runtimeApi: api,
    env: config.env,
  });
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${Math.floor(memoryMb * 0.9)}`,
      "--max-http-header-size=81920",
      "--import",
      rapidClient,
      runtimeClient,
      config.handler,
    ],
    // A session of its own, so that Ctrl-C reaches the host alone, which then stops its environments in order. The
    // fourth pipe stays silent: its end tells the environment that the host is gone.
    { cwd: config.bundleDir, env, detached: true, stdio: ["ignore", "pipe", "pipe", "pipe"] },
  );
  const outputs = [child.stdout, child.stderr].map((stream) => readLogStream(requireStream(stream), onLine));
  const ended = waitForEnd(child, clock);
  const gone = ended.then(() => api[Symbol.asyncDispose]());

  const failed = async (invocation: Invocation): Promise<RuntimeResult> => {
    const reason = await ended;
    return initError ?? platformError("Runtime.ExitError", `RequestId: ${invocation.requestId} Error: ${reason}`);
  };

  /** The function that hands over an event, or how loading failed. */
  const untilFree = async (invocation: Invocation): Promise<((event: RuntimeEvent) => void) | RuntimeResult> => {
    const isLate = initMs === undefined ? after(clock, initTimeoutMs) : never;
    const send = await Promise.race([free.promise, ended, isLate.promise]);
    isLate.cancel();
    if (typeof send === "function") return send;
    if (send === late) {
      child.kill("SIGKILL");
      await ended;
      return platformError("Sandbox.Timedout", `RequestId: ${invocation.requestId} Error: Init timed out`);
    }
    return failed(invocation);
  };

  const run = async (invocation: Invocation, onStart: () => void): Promise<Outcome> => {
    const send = await untilFree(invocation);
    onStart();
    if (typeof send !== "function") return { ...send, durationMs: 0 };
    free = Promise.withResolvers();
    // Counted now: after a streamed response the next poll can overtake the end of the stream.
    const nextPoll = polls + 1;
    const { promise, resolve } = Promise.withResolvers<RuntimeResult>();
    answered = { requestId: invocation.requestId, resolve };
    const sentMs = clock.nowMs();
    send({ ...invocation, deadlineMs: clock.wallTime().getTime() + config.timeoutMs });

    const deadline = after(clock, config.timeoutMs);
    const result = await Promise.race([promise, ended, deadline.promise]);
    deadline.cancel();
    const durationMs = clock.nowMs() - sentMs;
    if (result === late) {
      child.kill("SIGKILL");
      await ended;
      const message = `Task timed out after ${(config.timeoutMs / 1000).toFixed(2)} seconds`;
      return {
        ...platformError("Sandbox.Timedout", `RequestId: ${invocation.requestId} Error: ${message}`),
        durationMs,
        platformLine: `${clock.wallTime().toISOString()} ${invocation.requestId} ${message}`,
      };
    }
    if (typeof result === "string") return { ...(await failed(invocation)), durationMs };
    await Promise.race([Promise.all([free.promise, ...outputs.map((output) => output.reached(nextPoll))]), ended]);
    return { ...result, durationMs };
  };

  return {
    ready: Promise.race([free.promise, ended]).then(() => undefined),
    initMs: () => initMs,
    isAlive: () => child.exitCode === null && child.signalCode === null && child.pid !== undefined,
    gone,
    run,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** `2026/11/21/[$LATEST]…` */
function logStreamName(now: Date): string {
  return `${now.toISOString().slice(0, 10).replaceAll("-", "/")}/[$LATEST]${randomBytes(16).toString("hex")}`;
}

function platformError(errorType: string, errorMessage: string): RuntimeResult {
  return { payload: Buffer.from(JSON.stringify({ errorType, errorMessage })), isError: true };
}

function requireStream(stream: Readable | null): Readable {
  if (stream === null) throw new TypeError("The environment was spawned without its outputs.");
  return stream;
}
