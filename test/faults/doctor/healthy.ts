import { timesOf } from "./figures.ts";
import type { LabRun } from "./lab.ts";

/** What sound endpoints were called. Slow and ambiguous accuse nobody; whatever else is not ok does. */
export function tableOfHealthy(runs: readonly LabRun[]): readonly string[] {
  const rows = [...Map.groupBy(runs, ({ fault }) => fault), ["all", runs] as const].map(([name, own]) => {
    const count = (...codes: readonly string[]) => own.filter(({ code }) => codes.includes(code)).length;
    const accused = own.length - count("ok", "path.slow", "ambiguous");
    const { medianMs, maxMs } = timesOf(own);
    const counts = [own.length, count("ok"), count("path.slow"), count("ambiguous"), accused].join(" | ");
    return `| ${name} | ${counts} | ${medianMs} ms | ${maxMs} ms |`;
  });
  return [
    "| endpoint | walks | ok | slow | ambiguous | accused | median | slowest |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
  ];
}
