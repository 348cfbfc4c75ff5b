import type { Blocker } from "#lib/protocol.ts";
import { describeBlockers } from "../run/blockers.ts";

/** Where the time of a run went that was cut off within a migration; milliseconds. */
export type SpentTime = {
  /** What the runner had when the run began. */
  readonly wholeMs: number;
  readonly forOtherRunMs: number;
  /** Of the migration: for locks and for others' transactions, pauses between tries included. */
  readonly forLocksMs: number;
  readonly blockers: readonly Blocker[];
  /** What was left, too little for another try. */
  readonly leftMs: number;
};

/** Whether another run, which need not wait as long, may finish it. Pure. */
export function wasMostlyWaiting({ wholeMs, leftMs, forOtherRunMs, forLocksMs }: SpentTime): boolean {
  return forOtherRunMs + forLocksMs >= (wholeMs - leftMs) / 2;
}

/** Says what took the time. Pure. */
export function describeOutOfTime(tag: string, { wholeMs, forOtherRunMs, forLocksMs, blockers }: SpentTime): string {
  const parts = [
    ...(seconds(forOtherRunMs) > 0 ? [`${seconds(forOtherRunMs)} s went into waiting for another run`] : []),
    ...(seconds(forLocksMs) > 0 ? [`${seconds(forLocksMs)} s into waiting for locks${describeBy(blockers)}`] : []),
  ];
  const spent = parts.length === 0 ? "it worked for all of them" : parts.join(", ");
  return `${tag} did not end within the ${seconds(wholeMs)} s that the runner had: ${spent}.`;
}

function describeBy(blockers: readonly Blocker[]): string {
  return blockers.length === 0 ? "" : ` (blocked by ${describeBlockers(blockers)})`;
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
