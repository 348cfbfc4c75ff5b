import type { Attempt } from "./evidence.ts";

/**
 * When silence proves nothing. Pure.
 *
 * - The wait was hasty: a step before it, on the same connection, took half as long. On a way of that pace, or from a
 *   server that has no processor to itself, the answer may still come.
 * - We were starved: for most of the time this process did not run, though it was due. What shares its machine did not run
 *   either: the server of a local stage, a tunnel, a VPN.
 */
export function isDoubtful(attempt: Attempt): boolean {
  return isStarved(attempt) || isHasty(attempt);
}

function isStarved(attempt: Attempt): boolean {
  return missedShare(attempt) > 0.5;
}

/** We did not run for some of the time: a lack of time, or a silence that does not come again, needs no other cause. */
export function isDisturbed(attempt: Attempt): boolean {
  return missedShare(attempt) > 0.1;
}

const pace = 2;

function isHasty(attempt: Attempt): boolean {
  const failed = attempt.steps.find(({ failure }) => failure !== undefined);
  return failed !== undefined && failed.ms < pace * longestMs(attempt);
}

/** In the evidence, where that is why it proves nothing. */
export const machineIsBusy = "its machine is busy";

/** For people: what makes the silence of these doubtful. */
export function describeDoubt(attempts: readonly Attempt[]): string {
  const starved = attempts.find(isStarved) ?? attempts.find(isDisturbed);
  if (starved === undefined) return `steps before it took up to ${Math.max(...attempts.map(longestMs))} ms`;
  const { ms, missedMs } = timesOf(starved);
  return `of ${ms} ms this process did not run for ${missedMs}: ${machineIsBusy}`;
}

/** Of the steps that passed. */
export function longestMs({ steps }: Attempt): number {
  return Math.max(0, ...steps.filter(({ failure }) => failure === undefined).map(({ ms }) => ms));
}

function missedShare(attempt: Attempt): number {
  const { ms, missedMs } = timesOf(attempt);
  return ms === 0 ? 0 : missedMs / ms;
}

function timesOf({ steps }: Attempt): { readonly ms: number; readonly missedMs: number } {
  return {
    ms: steps.reduce((sum, { ms }) => sum + ms, 0),
    missedMs: steps.reduce((sum, { missedMs = 0 }) => sum + missedMs, 0),
  };
}
