import { atLeast, atMost, type Goal } from "../../figures/goal.ts";
import { quantile, spreadOf } from "../../figures/statistics.ts";
import type { Held } from "../scene/held.ts";
import type { Sample, Soak } from "./run.ts";

/** Collections leave the one or the other thing behind: what is under it is no leak, or none that this time shows. */
const slack = { heapMb: 2, rssMb: 30, sockets: 2, timers: 4, files: 2 } as const;

/** Fewer tell nothing of what grows. */
const leastSamples = 5;

/**
 * Compares what was held early with what is held late: the medians of the second and the last fifth of the samples. The first
 * fifth does not count, since caches fill and code is compiled. Pure.
 */
export function judgeSoak(soak: Soak): Goal[] {
  const { samples, errors, wrongAnswers, sessions, reconnects } = soak;
  const fifth = Math.max(1, Math.floor(samples.length / 5));
  const [early, late] = [samples.slice(fifth, 2 * fifth), samples.slice(-fifth)];
  const growth = (name: keyof Held, limit: number): Goal[] => {
    const [before, after] = [medianOf(early, name), medianOf(late, name)];
    if (before === undefined || after === undefined) return [];
    return [atMost(`growth of ${name}`, limit, spreadOf([after - before]))];
  };
  return [
    atLeast("samples", leastSamples, spreadOf([samples.length])),
    ...growth("heapMb", slack.heapMb),
    ...growth("rssMb", slack.rssMb),
    ...growth("sockets", slack.sockets),
    ...growth("timers", slack.timers),
    ...growth("files", slack.files),
    ...growth("children", 0),
    exactly("wrong answers", 0, wrongAnswers),
    exactly("errors of clients", 0, errors),
    exactly("links that were replaced", 0, reconnects),
    exactly("sessions at the end", 1, sessions),
  ];
}

function exactly(what: string, limit: number, value: number): Goal {
  return atMost(what, limit, spreadOf([value]));
}

function medianOf(samples: readonly Sample[], name: keyof Held): number | undefined {
  const values = samples.flatMap(({ held }) => held[name] ?? []).toSorted((one, other) => one - other);
  return values.length === 0 ? undefined : quantile(values, 0.5);
}
