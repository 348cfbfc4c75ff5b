import { randomUUID } from "node:crypto";
import type { Clock } from "#lib/base/clock.ts";
import { AwsError } from "../aws/aws-error.ts";
import { type Environment, type FunctionConfig, startEnvironment } from "./environment.ts";
import { createInvocationLog, endLine, type InvocationLog, reportLine, startLine } from "./invocation-log.ts";

/** One line of a function's log. */
export type LogEntry = { readonly functionName: string; readonly requestId: string | undefined; readonly line: string };

export type FunctionPoolOptions = {
  readonly config: FunctionConfig;
  readonly maxConcurrency: number;
  readonly maxIdle: number;
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
  readonly onLog: (entry: LogEntry) => void;
};

export type FunctionResult = {
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

type Worker = { readonly environment: Environment; log: InvocationLog; isCold: boolean };

/**
 * The environments of one function. An event takes an idle one, else starts one, else is refused. Environments that
 * ended are forgotten; the next event starts another.
 */
export function createFunctionPool(options: FunctionPoolOptions): FunctionPool {
  const { config, clock, onLog } = options;
  const functionArn = `arn:aws:lambda:${options.region}:${options.accountId}:function:${config.name}`;
  const workers = new Set<Worker>();
  const idle: Worker[] = [];
  let starting = 0;
  let isClosed = false;

  const createLog = (requestId?: string) =>
    createInvocationLog((line) => onLog({ functionName: config.name, requestId, line }));

  async function startWorker(): Promise<Worker> {
    starting += 1;
    try {
      // Until its first event, what the environment logs belongs to none.
      let worker: Worker | undefined;
      const initLog = createLog();
      const environment = await startEnvironment({
        config,
        region: options.region,
        clock,
        onLine: (line) => (worker?.log ?? initLog).add(line),
      });
      worker = { environment, log: initLog, isCold: true };
      workers.add(worker);
      const forget = worker;
      void environment.gone.finally(() => {
        workers.delete(forget);
        if (idle.includes(forget)) idle.splice(idle.indexOf(forget), 1);
      });
      if (isClosed) await environment[Symbol.asyncDispose]();
      return worker;
    } finally {
      starting -= 1;
    }
  }

  async function acquire(): Promise<Worker> {
    const worker = idle.pop();
    if (worker !== undefined) return worker;
    if (isClosed || workers.size + starting >= options.maxConcurrency) {
      throw new AwsError("TooManyRequestsException", "Rate Exceeded.", {
        statusCode: 429,
        details: { Reason: "ConcurrentInvocationLimitExceeded", Type: "User" },
      });
    }
    return startWorker();
  }

  async function release(worker: Worker): Promise<void> {
    if (worker.environment.isAlive() && !isClosed && idle.length < options.maxIdle) idle.push(worker);
    else await worker.environment[Symbol.asyncDispose]();
  }

  return {
    isBusy: () => idle.length === 0 && workers.size + starting >= options.maxConcurrency,
    prewarm: async () => {
      const worker = await acquire();
      await worker.environment.ready;
      await release(worker);
    },
    run: async (payload, requestId = randomUUID()) => {
      const worker = await acquire();
      const log = createLog(requestId);
      // A cold environment's first words belong to the event that started it.
      worker.log = log;
      const outcome = await worker.environment.run({ requestId, payload, functionArn }, () =>
        log.add(startLine(requestId)),
      );
      if (outcome.platformLine !== undefined) log.add(outcome.platformLine);
      log.add(endLine(requestId));
      const initMs = worker.isCold ? worker.environment.initMs() : undefined;
      worker.isCold = false;
      log.add(reportLine({ requestId, durationMs: outcome.durationMs, memoryMb: config.memoryMb ?? 512, initMs }));
      await release(worker);
      return { requestId, payload: outcome.payload, isError: outcome.isError, logTail: log.tail() };
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      await Promise.all([...workers].map((worker) => worker.environment[Symbol.asyncDispose]()));
    },
  };
}
