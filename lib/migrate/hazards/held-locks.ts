import type { PlannedHazard } from "#lib/contract.ts";
import { type Effect, lockModes } from "./hazard.ts";

type Step = { readonly line: number; readonly effects: readonly Effect[] };

/** From SHARE on, others cannot write. */
const blocking = new Set<string>(lockModes.slice(lockModes.indexOf("SHARE")));

/**
 * Locks live until the transaction ends: a statement that takes an instant blocks its table for as long as the ones
 * behind it work. Names, for each table so locked, the first long work behind it; work under a lock that the same
 * statement takes is that statement's own hazard.
 */
export function findLongLocks(steps: readonly Step[]): PlannedHazard[] {
  const takenAt = new Map<string, { readonly line: number; readonly lock: string }>();
  const found = new Map<string, PlannedHazard>();
  for (const { line, effects } of steps) {
    const long = effects.find(({ isLong }) => isLong);
    for (const [table, taken] of long === undefined ? [] : takenAt) {
      if (found.has(table)) continue;
      found.set(table, {
        code: "lock.long",
        severity: "danger",
        table,
        line: taken.line,
        destructive: false,
        message:
          `${taken.lock} on ${table} is held while line ${line} works over ${long?.table ?? "many rows"}: ` +
          "put the two into migrations of their own.",
      });
    }
    for (const { table, lock } of effects) {
      if (blocking.has(lock) && !takenAt.has(table)) takenAt.set(table, { line, lock });
    }
  }
  return [...found.values()];
}
