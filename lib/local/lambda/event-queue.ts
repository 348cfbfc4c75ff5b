import type { FunctionPool } from "./function-pool.ts";

export type EventQueue = {
  add(payload: Uint8Array, requestId: string): void;
  /** Starts what waits, as far as there are environments for it. */
  drain(): void;
  /** Resolves when nothing runs. */
  settled(): Promise<void>;
};

/**
 * Asynchronous invocations of one function: each waits until an environment is free and is then run, once, as the deployed
 * functions have it. Its outcome is in the log and nowhere else.
 */
export function createEventQueue(pool: FunctionPool): EventQueue {
  const waiting: { readonly payload: Uint8Array; readonly requestId: string }[] = [];
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

  async function runOne({ payload, requestId }: (typeof waiting)[number]): Promise<void> {
    // Only the pool's own refusal rejects: the host is closing.
    await pool.run(payload, requestId).catch(() => {});
  }

  return {
    add: (payload, requestId) => {
      waiting.push({ payload, requestId });
      drain();
    },
    drain,
    settled: async () => {
      waiting.length = 0;
      await Promise.all(active);
    },
  };
}
