import type { FaultGroup } from "./catalogue/all.ts";
import { isRight, type LabRun } from "./lab.ts";

export type Times = { readonly medianMs: number; readonly maxMs: number };

export type GroupFigures = Times & {
  readonly group: string;
  readonly faults: number;
  readonly runs: number;
  readonly right: number;
};

/** A row of the confusion matrix: what was expected, and how often what was said instead of it. */
export type ConfusionRow = {
  readonly expected: string;
  readonly runs: number;
  readonly right: number;
  readonly otherwise: Readonly<Record<string, number>>;
};

export function figuresOfGroups(runs: readonly LabRun[], groups: readonly FaultGroup[]): readonly GroupFigures[] {
  return groups.flatMap(({ name, faults }) => {
    const names = new Set(faults.map((fault) => fault.name));
    const own = runs.filter(({ fault }) => names.has(fault));
    if (own.length === 0) return [];
    return {
      group: name,
      faults: countFaults(own),
      runs: own.length,
      right: own.filter(isRight).length,
      ...timesOf(own),
    };
  });
}

/** Of those that waited for a rest as they were asked to, without it. */
export function timesOf(runs: readonly LabRun[]): Times {
  const times = runs.map(({ ms, holdMs }) => ms - holdMs).toSorted((one, other) => one - other);
  return { medianMs: times[Math.floor(times.length / 2)] ?? 0, maxMs: times.at(-1) ?? 0 };
}

export function confusionOf(runs: readonly LabRun[]): readonly ConfusionRow[] {
  const rows = Map.groupBy(runs, ({ expected }) => expected.join(" or "));
  return [...rows]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([expected, own]) => {
      const wrong = Map.groupBy(
        own.filter((run) => !isRight(run)),
        ({ code }) => code,
      );
      const otherwise = Object.fromEntries([...wrong].map(([code, all]) => [code, all.length]));
      return { expected, runs: own.length, right: own.filter(isRight).length, otherwise };
    });
}

function countFaults(runs: readonly LabRun[]): number {
  return new Set(runs.map(({ fault }) => fault)).size;
}
