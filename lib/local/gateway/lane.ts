import type { Message } from "#lib/ssm-protocol/message.ts";
import { createRandom, drawFate, type LaneFaults } from "./faults.ts";

/** One direction of a session, where messages meet their faults. Without faults each is delivered at once. */
export type Lane = {
  pass(message: Message, sizeBytes: number, deliver: () => void): void;
  /** When everything before it has gone, and whatever the faults are. */
  afterwards(act: () => void): void;
  /** What is still under way is lost. */
  destroy(): void;
};

/** One that waits for the next one to go first waits no longer than this: there may be none. */
const maxHeldMs = 50;

export function createLane(options: {
  readonly faults: () => LaneFaults | undefined;
  readonly nowMs: () => number;
}): Lane {
  const { faults, nowMs } = options;
  const timers = new Set<NodeJS.Timeout>();
  const line = createLine(nowMs);
  let index = 0;
  let held: (() => void) | undefined;
  let seededFor: LaneFaults | undefined;
  let random = createRandom(1);

  function later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
  }

  function letHeldGo(): void {
    held?.();
    held = undefined;
  }

  return {
    pass: (message, sizeBytes, deliver) => {
      const current = faults();
      const itsIndex = index;
      index += 1;
      if (current === undefined) {
        line.add(0, 0, deliver);
        letHeldGo();
        return;
      }
      if (seededFor !== current) {
        seededFor = current;
        random = createRandom(current.seed ?? 1);
      }
      const { latencyMs = 0, bytesPerSecond } = current;
      const ownMs = bytesPerSecond === undefined ? 0 : (sizeBytes * 1000) / bytesPerSecond;
      const go = () => line.add(latencyMs, ownMs, deliver);
      const fate = current.decide?.(message, itsIndex) ?? drawFate(current, random);
      if (fate === "lose") return;
      if (fate === "reorder" && held === undefined) {
        const release = () => {
          if (held !== release) return;
          held = undefined;
          go();
        };
        held = release;
        later(maxHeldMs, release);
        return;
      }
      if (typeof fate === "object") {
        later(fate.delayMs, go);
        return;
      }
      go();
      if (fate === "duplicate") go();
      letHeldGo();
    },
    afterwards: (act) => line.add(0, 0, act),
    destroy: () => {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      held = undefined;
      line.destroy();
    },
  };
}

/** Keeps the order: nothing overtakes what takes its time. With nothing to wait for it acts at once. */
function createLine(nowMs: () => number) {
  const waiting: { readonly dueMs: number; readonly act: () => void }[] = [];
  let lastDueMs = 0;
  let timer: NodeJS.Timeout | undefined;

  function run(): void {
    timer = undefined;
    for (let [next] = waiting; next !== undefined && next.dueMs <= nowMs(); [next] = waiting) {
      waiting.shift();
      next.act();
    }
    const [next] = waiting;
    if (next !== undefined && timer === undefined) timer = setTimeout(run, Math.max(1, next.dueMs - nowMs()));
  }

  return {
    /** @param latencyMs in which others may be under way, too; `ownMs`: in which none is */
    add: (latencyMs: number, ownMs: number, act: () => void) => {
      const now = nowMs();
      const dueMs = Math.max(now + latencyMs, lastDueMs) + ownMs;
      if (waiting.length === 0 && dueMs <= now) return act();
      lastDueMs = dueMs;
      waiting.push({ dueMs, act });
      timer ??= setTimeout(run, Math.max(1, dueMs - now));
    },
    destroy: () => {
      clearTimeout(timer);
      timer = undefined;
      waiting.length = 0;
    },
  };
}
