import { type Clock, systemClock } from "#lib/base/clock.ts";
import { findMoves, type Move } from "./moves.ts";
import type { AwsResources } from "./resources.ts";
import { settle } from "./settle.ts";
import { hearAgents } from "./states.ts";

/** What to make of the resources; it may throw `AwsError`, and then nothing has changed. */
export type Change = (before: AwsResources) => AwsResources;

/** The control plane's resources, which can be changed, and which move by themselves. */
export type AwsModel = Disposable & {
  read(): AwsResources;
  change(change: Change): void;
  /** Called after each change, also after one that came by itself. */
  onChange(listener: () => void): void;
};

/**
 * After each change: what AWS derives is derived (`settle`), what is under way goes on by itself (`moves.ts`), and those who
 * listen are told. A move that is no longer due when its time has come does not happen.
 */
export function createAwsModel(initial: AwsResources, clock: Clock = systemClock): AwsModel {
  let resources = settle(initial);
  const listeners: (() => void)[] = [];
  const waiting = new Map<string, AbortController>();

  function apply(change: Change): void {
    resources = settle(change(hearAgents(resources, clock.wallTime())));
    follow();
    for (const listener of listeners) listener();
  }

  function follow(): void {
    const moves = findMoves(resources);
    for (const [key, timer] of waiting) {
      if (moves.some((move) => move.key === key)) continue;
      timer.abort();
      waiting.delete(key);
    }
    for (const move of moves) if (!waiting.has(move.key)) schedule(move);
  }

  function schedule(move: Move): void {
    const timer = new AbortController();
    waiting.set(move.key, timer);
    void happen(move, timer.signal);
  }

  async function happen({ key, delayMs, change }: Move, signal: AbortSignal): Promise<void> {
    try {
      await clock.sleep(delayMs, signal);
    } catch {
      return; // Called off.
    }
    if (signal.aborted) return;
    waiting.delete(key);
    apply((before) => change(before, clock.wallTime()));
  }

  follow();
  return {
    read: () => resources,
    change: apply,
    onChange: (listener) => void listeners.push(listener),
    [Symbol.dispose]: () => {
      for (const timer of waiting.values()) timer.abort();
      waiting.clear();
    },
  };
}
