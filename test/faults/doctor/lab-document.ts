import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ConfusionRow, GroupFigures } from "./figures.ts";

const file = join(import.meta.dirname, "../../../docs/lab.md");

/** A part of `docs/lab.md`, each written by a run of its own; the others stay as they are. */
export async function writePart(heading: string, lines: readonly string[]): Promise<void> {
  const [before = "", ...parts] = (await readFile(file, "utf8")).split(/^(?=## )/m);
  const part = `## ${heading}\n${lines.join("\n")}\n`;
  const others = parts.filter((one) => !one.startsWith(`## ${heading}\n`)).map((one) => one.trimEnd());
  const index = parts.findIndex((one) => one.startsWith(`## ${heading}\n`));
  const all = others.toSpliced(index === -1 ? others.length : index, 0, part.trimEnd());
  await writeFile(file, [before.trimEnd(), ...all].join("\n\n").concat("\n"));
}

export function tableOfGroups(groups: readonly GroupFigures[]): readonly string[] {
  return [
    "| where the fault is | faults | walks | right | median | slowest |",
    "|---|---|---|---|---|---|",
    ...groups.map(
      ({ group, faults, runs, right, medianMs, maxMs }) =>
        `| ${group} | ${faults} | ${runs} | ${right} | ${medianMs} ms | ${maxMs} ms |`,
    ),
  ];
}

export function tableOfConfusion(rows: readonly ConfusionRow[]): readonly string[] {
  return [
    "| expected | walks | right | otherwise |",
    "|---|---|---|---|",
    ...rows.map(({ expected, runs, right, otherwise }) => {
      const others = Object.entries(otherwise).map(([code, count]) => `\`${code}\` ${count}`);
      return `| \`${expected.replaceAll(" or ", "` or `")}\` | ${runs} | ${right} | ${others.join(", ")} |`;
    }),
  ];
}
