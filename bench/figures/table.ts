import type { Goal } from "./goal.ts";
import type { Spread } from "./statistics.ts";

/** `median (min–max)`. */
export function range({ median, min, max }: Spread, digits = 1): string {
  const [middle, low, high] = [median, min, max].map((value) => value.toFixed(digits));
  return low === high ? `${middle}` : `${middle} (${low}–${high})`;
}

/** Lines of columns, and an empty one behind. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const render = (line: readonly string[]) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return [...lines.map((line) => render(line).trimEnd()), ""];
}

export function describeGoals(goals: readonly Goal[]): string[] {
  const rows = goals.map(({ goal, limit, measured, isMet }) => [
    goal,
    `${limit.kind} ${limit.value.toFixed(2)}`,
    range(measured, 2),
    isMet ? "met" : "MISSED",
  ]);
  return rows.length === 0 ? [] : table(["goal", "limit", "measured", ""], rows);
}
