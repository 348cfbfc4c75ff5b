import type { Goal } from "../figures/goal.ts";
import { describeGoals, range, table } from "../figures/table.ts";
import type { Measured } from "./goals.ts";
import { ratioOf, spreadOf } from "../figures/statistics.ts";

/** Everything that was measured and every goal, as text. */
export function describe(measured: Measured, goals: readonly Goal[]): string {
  const sections = [
    ...describeMigrations(measured),
    ...describeSeeds(measured),
    ...describeMemory(measured),
    ...describeLocks(measured),
    ...describeGoals(goals),
  ];
  return `${sections.join("\n")}\n`;
}

function describeMigrations({ migrations }: Measured): string[] {
  if (migrations === undefined) return [];
  const postern = migrations.find(({ name }) => name === "postern");
  const rows = migrations.map(({ name, includes, applyMs, noOpMs }) => [
    name,
    range(spreadOf(applyMs)),
    postern === undefined ? "" : range(ratioOf(postern.applyMs, applyMs), 2),
    noOpMs.length === 0 ? "–" : range(spreadOf(noOpMs)),
    includes,
  ]);
  return table(["migrations", "apply ms", "postern ÷ it", "no-op ms", "includes"], rows);
}

function describeSeeds({ seeds }: Measured): string[] {
  if (seeds === undefined) return [];
  const rows = seeds.times.map(({ name, includes, rowsPerSecond, startsFilled }) => [
    name,
    range(spreadOf(rowsPerSecond.map((rate) => rate / 1000))),
    startsFilled ? "one row" : "empty",
    includes,
  ]);
  return table([`seed (${Math.round(seeds.bytesPerRow)} B a row)`, "1000 rows/s", "table", "includes"], rows);
}

function describeMemory({ memory }: Measured): string[] {
  if (memory === undefined) return [];
  const rows = memory.map(({ rows: count, format, maxRssMb, rowsPerSecond }) => [
    `${count} rows, ${format}`,
    maxRssMb.toFixed(0),
    (rowsPerSecond / 1000).toFixed(0),
  ]);
  return table(["memory of postern seed", "highest MB", "1000 rows/s"], rows);
}

function describeLocks({ locks }: Measured): string[] {
  if (locks === undefined) return [];
  const rows = locks.map(({ name, baselineP99Ms, worstMs, p99Ms, reads, migrationMs }) => [
    name,
    ...[baselineP99Ms, worstMs, p99Ms].map((ms) => ms.toFixed(1)),
    String(reads),
    migrationMs.toFixed(0),
  ]);
  return table(["lock queue", "p99 ms alone", "worst ms", "p99 ms", "reads", "migration ms"], rows);
}
