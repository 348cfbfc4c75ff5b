import { seededRandom } from "../../support/seeded-random.ts";
import { allFaults, faultGroups } from "./catalogue/all.ts";
import { healthyEndpoints } from "./catalogue/healthy.ts";
import type { LabFault, LabWorld } from "./fault.ts";
import { confusionOf, figuresOfGroups, timesOf } from "./figures.ts";
import { tableOfHealthy } from "./healthy.ts";
import { isRight, type LabRun, skippedOf } from "./lab.ts";
import { tableOfConfusion, tableOfGroups } from "./lab-document.ts";
import { lossSweep, tableOfSweep } from "./loss.ts";
import { allPairs, drawPairs } from "./pairs.ts";

/** What the lab can look at in one run; each is a part of `docs/lab.md`. */
export type Part = {
  readonly heading: string;
  readonly faults: readonly LabFault[];
  readonly draws: number;
  readonly tablesOf: (runs: readonly LabRun[]) => readonly string[];
};

export type PartOptions = {
  readonly draws: number;
  readonly healthy?: number;
  readonly loss?: number;
  readonly pairs?: number;
  readonly seed: number;
};

export function partOf({ draws, healthy, loss, pairs, seed }: PartOptions, world: LabWorld): Part {
  if (healthy !== undefined) {
    const possible = healthyEndpoints.length - skippedOf(healthyEndpoints, world).length;
    return {
      heading: "Nothing is broken",
      faults: healthyEndpoints,
      draws: Math.ceil(healthy / possible),
      tablesOf: tableOfHealthy,
    };
  }
  if (loss !== undefined) {
    return { heading: "Ways that lose packets", faults: lossSweep, draws: loss, tablesOf: tableOfSweep };
  }
  if (pairs !== undefined) {
    const faults = drawPairs(seededRandom(seed), pairs);
    return { heading: "Two faults at once", faults, draws: 1, tablesOf: linesOfPairs };
  }
  return { heading: "One fault", faults: allFaults, draws, tablesOf: tablesOfFaults };
}

function tablesOfFaults(runs: readonly LabRun[]): readonly string[] {
  return [...tableOfGroups(figuresOfGroups(runs, faultGroups)), "", ...tableOfConfusion(confusionOf(runs))];
}

function linesOfPairs(runs: readonly LabRun[]): readonly string[] {
  const { medianMs, maxMs } = timesOf(runs);
  const right = runs.filter(isRight).length;
  return [
    `Of ${allPairs().length} pairs that can stand together ${runs.length} were drawn. In ${right} of them the first fault on the path was the`,
    `verdict; median ${medianMs} ms, slowest ${maxMs} ms.`,
  ];
}
