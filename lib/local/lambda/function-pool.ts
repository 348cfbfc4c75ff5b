import { randomUUID } from "node:crypto";
import type { Clock } from "#lib/base/clock.ts";
import { AwsError } from "../aws/aws-error.ts";
import { type Environment, type FunctionConfig, startEnvironment } from "./environment.ts";
import { createInvocationLog, endLine, type InvocationLog, reportLine, startLine } from "./invocation-log.ts";
import { defaultMemoryMb } from "./limits.ts";

/** One line of a function's log. */
export type LogEntry = { readonly functionName: string; readonly requestId: string | undefined; readonly line: string };

export type FunctionPoolOptions = {
  readonly config: FunctionConfig;
  readonly maxConcurrency: number;
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
  readonly onLog: (entry: LogEntry) => void;
};

type FunctionResult = {
  readonly requestId: string;
  readonly payload: Uint8Array;
  readonly isError: boolean;
  /** Base64. */
  readonly logTail: string;
};

export type FunctionPool = AsyncDisposable & {
  /** @throws AwsError `TooManyRequestsException` at the limit of environments */
  run(payload: Uint8Array, requestId?: string): Promise<FunctionResult>;
  isBusy(): boolean;
  /** Starts an environment that no event asked for yet. */
  prewarm(): Promise<void>;
};

/** Environments that are kept for the next event. */
const maxIdle = 2;

type Worker = {
  readonly environment: Environment;
  /** Where what it writes belongs from now on. Before its first event: to none. */
  readonly logTo: (log: InvocationLog) => void;
  isCold: boolean;
};

/**
 * The environments of one function. An event takes an idle one, else starts one, else is refused. Environments that
 * ended are forgotten; the next event starts another.
 */
export function createFunctionPool(options: FunctionPoolOptions): FunctionPool {
  const { config, clock, onLog } = options;
  const functionArn = `arn:aws:lambda:${options.region}:${options.accountId}:function:${config.name}`;
  const workers = new Set<Worker>();
  const idle: Worker[] = [];
  const starts = new Set<Promise<Worker>>();
  /** Environments that are there, are being started, or are not quite gone. */
  let count = 0;
  let isClosed = false;

  const isFull = () => count >= options.maxConcurrency;
  const createLog = (requestId?: string) =>
    createInvocationLog((line) => onLog({ functionName: config.name, requestId, line }));

  function startWorker(): Promise<Worker> {
    count += 1;
    const start = openWorker().finally(() => starts.delete(start));
    starts.add(start);
    return start;
  }

  async function openWorker(): Promise<Worker> {
    let log = createLog();
    const environment = await startEnvironment({
      config,
      region: options.region,
      clock,
      onLine: (line) => log.add(line),
    }).catch((error: unknown) => {
      count -= 1;
      throw error;
    });
    const worker: Worker = {
      environment,
      isCold: true,
      logTo: (next) => {
        log = next;
      },
    };
    workers.add(worker);
    void environment.gone.finally(() => {
      count -= 1;
      workers.delete(worker);
      if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
    });
    if (isClosed) await environment[Symbol.asyncDispose]();
    return worker;
  }

  async function acquire(): Promise<Worker> {
    for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) {
      if (worker.environment.isAlive()) return worker;
    }
    if (isClosed || isFull()) {
      throw new AwsError("TooManyRequestsException", "Rate Exceeded.", {
        statusCode: 429,
        details: { Reason: "ConcurrentInvocationLimitExceeded", Type: "User" },
      });
    }
    return startWorker();
  }

  async function release(worker: Worker): Promise<void> {
    if (worker.environment.isAlive() && !isClosed && idle.length < maxIdle) idle.push(worker);
    else await worker.environment[Symbol.asyncDispose]();
  }

  return {
    isBusy: () => idle.length === 0 && isFull(),
    prewarm: async () => {
      const worker = await acquire();
      await worker.environment.ready;
      await release(worker);
    },
    run: async (payload, requestId = randomUUID()) => {
      const worker = await acquire();
      const log = createLog(requestId);
      // A cold environment's first words belong to the event that started it.
      worker.logTo(log);
      const outcome = await worker.environment.run({ requestId, payload, functionArn }, () =>
        log.add(startLine(requestId)),
      );
      if (outcome.platformLine !== undefined) log.add(outcome.platformLine);
      log.add(endLine(requestId));
      const initMs = worker.isCold ? worker.environment.initMs() : undefined;
      worker.isCold = false;
      log.add(
        reportLine({ requestId, durationMs: outcome.durationMs, memoryMb: config.memoryMb ?? defaultMemoryMb, initMs }),
      );
      await release(worker);
      return { requestId, payload: outcome.payload, isError: outcome.isError, logTail: log.tail() };
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      await Promise.allSettled(starts);
      await Promise.all([...workers].map((worker) => worker.environment[Symbol.asyncDispose]()));
    },
  };
}
