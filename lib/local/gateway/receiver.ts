import type { Message } from "#lib/ssm-protocol/message.ts";

/**
 * The agent's half of the reliability, incoming:
 *
 * 1. While the agent is not ready for a message, it is as if it had not come; the client sends it again.
 * 2. The expected one is processed, then acknowledged: what the client sees acknowledged has been taken.
 * 3. One that is too early is acknowledged and kept for its turn; beyond the bound it is dropped without a word.
 * 4. One that came before is acknowledged again, since the first acknowledgement may be lost.
 *
 * While processing waits (its buffers are full), later ones wait too, in the order they came.
 */
export type Receiver = {
  receive(message: Message): void;
  /** Messages that wait because processing does. */
  readonly waiting: number;
};

/** As the official agent has it. */
const maxKept = 100_000;

export function createReceiver(options: {
  readonly isReady: (message: Message) => boolean;
  /** Throws when the session cannot go on. */
  readonly process: (message: Message) => void | Promise<void>;
  readonly acknowledge: (message: Message) => void;
  readonly onBroken: (error: unknown) => void;
  /** Called when none waits any more. */
  readonly onIdle: () => void;
}): Receiver {
  const { isReady, process, acknowledge, onBroken, onIdle } = options;
  const early = new Map<number, Message>();
  const waiting: Message[] = [];
  let expected = 0;
  let isWorking = false;

  async function processInTurn(first: Promise<void>, message: Message): Promise<void> {
    await first;
    finish(message);
    await processEarly();
  }

  function finish(message: Message): void {
    acknowledge(message);
    expected += 1;
  }

  /** Returns a promise only where it has to wait: a session that flows has none. */
  function processEarly(): void | Promise<void> {
    for (let next = early.get(expected); next !== undefined; next = early.get(expected)) {
      early.delete(expected);
      const work = process(next);
      expected += 1;
      if (work !== undefined) return work.then(processEarly);
    }
  }

  function take(message: Message): void | Promise<void> {
    const { sequenceNumber } = message;
    if (!isReady(message)) return undefined;
    if (sequenceNumber !== expected) {
      const isEarly = sequenceNumber > expected;
      if (isEarly && early.size >= maxKept && !early.has(sequenceNumber)) return undefined;
      if (isEarly) early.set(sequenceNumber, message);
      acknowledge(message);
      return undefined;
    }
    const work = process(message);
    if (work !== undefined) return processInTurn(work, message);
    finish(message);
    return processEarly();
  }

  async function takeWaiting(first: Promise<void>): Promise<void> {
    isWorking = true;
    try {
      await first;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await take(next);
    } catch (error) {
      waiting.length = 0;
      onBroken(error);
    } finally {
      isWorking = false;
    }
    onIdle();
  }

  return {
    receive: (message) => {
      if (isWorking) {
        waiting.push(message);
        return;
      }
      try {
        const work = take(message);
        if (work !== undefined) void takeWaiting(work);
      } catch (error) {
        onBroken(error);
      }
    },
    get waiting() {
      return waiting.length;
    },
  };
}
