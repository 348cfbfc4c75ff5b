import { loses, lossCodes, packets } from "./catalogue/kernel.ts";
import type { LabFault } from "./fault.ts";
import type { LabRun } from "./lab.ts";

/** Up to here it may go unnoticed; what it must not be is taken for something else. */
const noticedPercent = 10;
const mostPercent = 40;

/** A way that loses so much of everything, in both directions: one for each percent. */
export const lossSweep: readonly LabFault[] = Array.from({ length: mostPercent }, (_, index) => {
  const percent = index + 1;
  const expected = percent <= noticedPercent ? lossCodes : lossCodes.filter((code) => code !== "ok");
  return packets(nameOf(percent), expected, undefined, (_random, port) => loses(port, percent));
});

function nameOf(percent: number): string {
  return `loss of ${String(percent).padStart(2)} %`;
}

/** How often loss was named, and how often it was taken for something else, in bands of ten percent. */
export function tableOfSweep(runs: readonly LabRun[]): readonly string[] {
  return [
    "| lost, each way | walks | named | not noticed | misnamed |",
    "|---|---|---|---|---|",
    ...Array.from({ length: mostPercent / bandPercent }, (_, index) => rowOf(runs, index * bandPercent + 1)),
  ];
}

const bandPercent = 10;

function rowOf(runs: readonly LabRun[], from: number): string {
  const percents = Array.from({ length: bandPercent }, (_, index) => from + index);
  const names = new Set(percents.map((percent) => `packets: ${nameOf(percent)}`));
  const own = runs.filter(({ fault }) => names.has(fault));
  const unnoticed = own.filter(({ code }) => code === "ok").length;
  const misnamed = own.filter(({ code }) => !lossCodes.includes(code)).length;
  const named = own.length - unnoticed - misnamed;
  return `| ${from} to ${percents.at(-1)} % | ${own.length} | ${named} | ${unnoticed} | ${misnamed} |`;
}
