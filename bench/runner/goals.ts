import { atLeast, atMost, type Goal } from "../figures/goal.ts";
import type { LockQueue } from "./locks/measure.ts";
import { lockTimeoutMs } from "./locks/measure.ts";
import type { MigrationTimes } from "./migrations/measure.ts";
import type { SeedMemory } from "./seeds/memory.ts";
import type { SeedTimes } from "./seeds/measure.ts";
import { ratioOf, spreadOf } from "../figures/statistics.ts";

/** What was measured; a part that was left out is undefined. */
export type Measured = {
  readonly migrations?: readonly MigrationTimes[];
  readonly seeds?: { readonly bytesPerRow: number; readonly times: readonly SeedTimes[] };
  readonly memory?: readonly SeedMemory[];
  readonly locks?: readonly LockQueue[];
};

/** The goals that can be judged from what was measured. Pure. */
export function judge(measured: Measured): Goal[] {
  return [...judgeMigrations(measured), ...judgeSeeds(measured), ...judgeMemory(measured), ...judgeLocks(measured)];
}

function judgeMigrations({ migrations = [] }: Measured): Goal[] {
  const of = (name: string) => migrations.find((times) => times.name === name);
  const postern = of("postern");
  if (postern === undefined) return [];
  const apply = (peer: string, limit: number) => {
    const other = of(peer);
    if (other === undefined) return [];
    return [atMost(`apply: postern ÷ ${peer}`, limit, ratioOf(postern.applyMs, other.applyMs))];
  };
  const peers = migrations.filter(({ name, noOpMs }) => name !== "postern" && noOpMs.length > 0);
  const fastest = peers.toSorted((a, b) => spreadOf(a.noOpMs).median - spreadOf(b.noOpMs).median)[0];
  const noOp =
    fastest === undefined
      ? []
      : [atMost(`no-op: postern ÷ ${fastest.name} (the fastest)`, 1.3, ratioOf(postern.noOpMs, fastest.noOpMs))];
  return [...apply("drizzle", 1), ...apply("psql -1 -f", 1.4), ...noOp];
}

const drizzleIdempotent = "drizzle insert, onConflictDoNothing";

function judgeSeeds({ seeds }: Measured): Goal[] {
  const of = (name: string) => seeds?.times.find((times) => times.name === name)?.rowsPerSecond;
  const compare = (one: string, other: string, limit: number) => {
    const [left, right] = [of(one), of(other)];
    return left === undefined || right === undefined
      ? []
      : [atLeast(`seed: ${one} ÷ ${other}`, limit, ratioOf(left, right))];
  };
  return [
    ...compare("postern, CSV", "psql \\copy", 1),
    ...compare("postern, CSV, table not empty", drizzleIdempotent, 4),
    ...compare("postern, CSV in quotes, table not empty", drizzleIdempotent, 4),
    ...compare("postern, NDJSON, table not empty", drizzleIdempotent, 4),
  ];
}

function judgeMemory({ memory = [] }: Measured): Goal[] {
  const [few, many] = memory;
  if (few === undefined || many === undefined) return [];
  const ratio = many.maxRssMb / few.maxRssMb;
  return [atMost(`memory: ${many.rows} rows ÷ ${few.rows} rows`, 1.2, spreadOf([ratio]))];
}

function judgeLocks({ locks = [] }: Measured): Goal[] {
  const postern = locks.find(({ name }) => name === "postern");
  if (postern === undefined) return [];
  const limit = lockTimeoutMs + 3 * postern.baselineP99Ms;
  return [atMost("lock queue: a reader's worst stall, ms", limit, spreadOf([postern.worstMs]))];
}
