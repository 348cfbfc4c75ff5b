import { isRight, type LabRun } from "./lab.ts";

/** Fault × verdict with counts and times; what is wrong at the end, each with how to draw it again. */
export function describeMatrix(runs: readonly LabRun[]): string {
  const names = [...new Set(runs.map(({ fault }) => fault))];
  const width = Math.max(...names.map((name) => name.length));
  const rows = names.map((name) => {
    const own = runs.filter(({ fault }) => fault === name);
    const slowest = Math.max(...own.map(({ ms }) => ms));
    return `${own.every(isRight) ? "✓" : "✗"} ${name.padEnd(width)}  ${countsOf(own)}  (${slowest} ms at most)`;
  });
  const wrong = runs.filter((run) => !isRight(run));
  const times = runs.map(({ ms }) => ms).toSorted((one, two) => one - two);
  const summary = `${runs.length} runs of ${names.length} faults, ${wrong.length} wrong; seed ${runs[0]?.seed}; median ${times[Math.floor(times.length / 2)]} ms, slowest ${times.at(-1)} ms`;
  return [...rows, "", ...wrong.map(describeWrong), summary].join("\n");
}

export function describeWrong({ fault, expected, code, evidence, drawn, seed, draw }: LabRun): string {
  return `wrong: ${fault}: ${code} (${evidence}), expected ${expected.join(" or ")}; POSTERN_TEST_SEED=${seed}, draw ${draw}, ${drawn}`;
}

function countsOf(runs: readonly LabRun[]): string {
  const codes = [...new Set(runs.map(({ code }) => code))];
  return codes.map((code) => `${code} ${runs.filter((run) => run.code === code).length}`).join(", ");
}
