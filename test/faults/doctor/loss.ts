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
export function describeSweep(runs: readonly LabRun[]): string {
  const bands = Array.from({ length: mostPercent / 10 }, (_, band) => {
    const names = new Set(Array.from({ length: 10 }, (__, index) => `packets: ${nameOf(band * 10 + index + 1)}`));
    const own = runs.filter(({ fault }) => names.has(fault));
    const count = (isSo: (code: string) => boolean) => own.filter(({ code }) => isSo(code)).length;
    const misnamed = count((code) => !lossCodes.includes(code));
    const noticed = count((code) => code !== "ok" && lossCodes.includes(code));
    return `loss of ${band * 10 + 1} to ${band * 10 + 10} %: of ${own.length} ${noticed} named, ${count((code) => code === "ok")} not noticed, ${misnamed} misnamed`;
  });
  return bands.join("\n");
}
