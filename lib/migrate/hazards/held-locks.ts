import type { PlannedHazard } from "#lib/protocol.ts";
import { type Effect, type LockMode, lockModes } from "./hazard.ts";

type Step = { readonly line: number; readonly effects: readonly Effect[] };

/** From SHARE on, others cannot write. */
const blocking = new Set<string>(lockModes.slice(lockModes.indexOf("SHARE")));

/**
 * Locks live until the transaction ends: a statement that takes an instant blocks its table for as long as the ones
 * behind it work. Names, for each table so locked, the first long work behind it. Work under a lock on the table that the
 * working statement takes itself, and that is no weaker, is that statement's own hazard.
 */
export function findLongLocks(steps: readonly Step[]): PlannedHazard[] {
  const takenAt = new Map<string, { readonly line: number; readonly lock: LockMode }>();
  const found = new Map<string, PlannedHazard>();
  for (const { line, effects } of steps) {
    const long = effects.find(({ isLong }) => isLong);
    for (const [table, taken] of long === undefined ? [] : takenAt) {
      if (found.has(table) || effects.some((effect) => effect.table === table && isAtLeast(effect.lock, taken.lock)))
        continue;
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

function isAtLeast(lock: LockMode, other: LockMode): boolean {
  return lockModes.indexOf(lock) >= lockModes.indexOf(other);
}
