import { isRight, type LabRun } from "./lab.ts";

/** Fault by fault what was said, with counts and times; what is wrong at the end, each with how to draw it again. */
export function describeMatrix(runs: readonly LabRun[]): string {
  const names = [...new Set(runs.map(({ fault }) => fault))];
  const width = Math.max(...names.map((name) => name.length));
  const rows = names.map((name) => {
    const own = runs.filter(({ fault }) => fault === name);
    const slowest = Math.max(...own.map(({ ms }) => ms));
    return `${own.every(isRight) ? "✓" : "✗"} ${name.padEnd(width)}  ${countsOf(own)}  (${slowest} ms at most)`;
  });
  const wrong = runs.filter((run) => !isRight(run));
  return [...rows, "", ...wrong.map(describeWrong)].join("\n");
}

export function describeWrong({ fault, expected, code, evidence, drawn, seed, draw }: LabRun): string {
  return `wrong: ${fault}: ${code} (${evidence}), expected ${expected.join(" or ")}; POSTERN_TEST_SEED=${seed}, draw ${draw}, ${drawn}`;
}

function countsOf(runs: readonly LabRun[]): string {
  const codes = [...new Set(runs.map(({ code }) => code))];
  return codes.map((code) => `${code} ${runs.filter((run) => run.code === code).length}`).join(", ");
}
