import type { FunctionPool } from "./function-pool.ts";

export type EventQueue = {
  add(payload: Uint8Array, requestId: string): void;
  /** Starts what waits, as far as there are environments for it. */
  drain(): void;
  /** Resolves when nothing runs. */
  settled(): Promise<void>;
};

/**
 * Asynchronous invocations of one function: each waits until an environment is free and is then run, again after a
 * failure up to `maximumRetryAttempts` times. Its outcome is in the log and nowhere else.
 */
export function createEventQueue(options: {
  readonly pool: FunctionPool;
  readonly maximumRetryAttempts: number;
}): EventQueue {
  const { pool, maximumRetryAttempts } = options;
  const waiting: { readonly payload: Uint8Array; readonly requestId: string; readonly attempt: number }[] = [];
  const active = new Set<Promise<void>>();

  function drain(): void {
    while (!pool.isBusy()) {
      const event = waiting.shift();
      if (event === undefined) return;
      const done = runOne(event).finally(() => {
        active.delete(done);
        drain();
      });
      active.add(done);
    }
  }

  async function runOne(event: (typeof waiting)[number]): Promise<void> {
    const hasFailed = await pool.run(event.payload, event.requestId).then(
      (result) => result.isError,
      // Only the pool's own refusal rejects: the host is closing.
      () => false,
    );
    if (hasFailed && event.attempt < maximumRetryAttempts) waiting.unshift({ ...event, attempt: event.attempt + 1 });
  }

  return {
    add: (payload, requestId) => {
      waiting.push({ payload, requestId, attempt: 0 });
      drain();
    },
    drain,
    settled: async () => {
      waiting.length = 0;
      await Promise.all(active);
    },
  };
}
