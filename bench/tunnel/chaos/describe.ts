import { spreadOf } from "../../figures/statistics.ts";
import { table } from "../../figures/table.ts";
import type { Chaos } from "./run.ts";

/** The chaos table, and what became of the transactions. */
export function describeChaos(chaos: Chaos): string[] {
  const { seed, ms, clients, acknowledged, unsure, errors, reconnects, faults, findings } = chaos;
  const kinds = [...new Set(faults.map(({ kind }) => kind))].toSorted();
  const rows = kinds.map((wanted) => {
    const some = faults.filter(({ kind }) => kind === wanted);
    const good = spreadOf(some.map(({ goodQueryMs }) => goodQueryMs));
    const seen = some.reduce((sum, one) => sum + one.errors, 0);
    return [wanted, String(some.length), String(seen), good.median.toFixed(0), good.max.toFixed(0)];
  });
  return [
    ...table(["chaos: fault", "count", "clients' errors", "next good query: median ms", "worst ms"], rows),
    `seed ${seed}, ${(ms / 1000).toFixed(0)} s, ${clients} clients: ${acknowledged} transactions acknowledged,`,
    `${unsure} whose end was not told, ${errors} errors, ${reconnects} new links; lost or read wrongly: ${findings.length}`,
    ...findings,
    "",
  ];
}
