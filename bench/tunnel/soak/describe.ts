import type { Goal } from "../../figures/goal.ts";
import { describeGoals, table } from "../../figures/table.ts";
import type { Soak } from "./run.ts";

const shownSamples = 10;

/** Samples in even steps, the counts, and what holds. */
export function describeSoak(soak: Soak, verdict: readonly Goal[]): string {
  const { ms, closes, answers, wrongAnswers, errors, resumes, reconnects, samples } = soak;
  const step = Math.max(1, Math.ceil(samples.length / shownSamples));
  const rows = samples
    .filter((_, index) => index % step === 0 || index === samples.length - 1)
    .map(({ atMs, held: { heapMb, rssMb, sockets, timers, files, children } }) => [
      (atMs / 1000).toFixed(0),
      heapMb.toFixed(1),
      rssMb.toFixed(0),
      String(sockets),
      String(timers),
      String(files ?? "–"),
      String(children ?? "–"),
    ]);
  const isClean = verdict.every(({ isMet }) => isMet);
  return [
    ...table(["s", "heap MB", "rss MB", "sockets", "timers", "files", "children"], rows),
    `${(ms / 1000).toFixed(0)} s, closed about ${closes} times, resumed ${resumes} times, ${reconnects} new links; ${answers} answers, ${wrongAnswers} wrong, ${errors} errors`,
    "",
    ...describeGoals(verdict),
    `verdict: ${isClean ? "no leak" : "NOT CLEAN, see what was missed"}`,
    "",
  ].join("\n");
}
