import type { Goal } from "../figures/goal.ts";
import { ratioOf, spreadOf } from "../figures/statistics.ts";
import { describeGoals, range, table } from "../figures/table.ts";
import { describeChaos } from "./chaos/describe.ts";
import type { Measured } from "./goals.ts";
import { rawSocket } from "./round-trip/measure.ts";
import { contender } from "./throughput/measure.ts";

/** Everything that was measured and every goal, as text. */
export function describe(measured: Measured, goals: readonly Goal[]): string {
  const sections = [
    ...describeReady(measured),
    ...describeRoundTrips(measured),
    ...describeThroughput(measured),
    ...describeSessions(measured),
    ...describeReturns(measured),
    ...describeStarts(measured),
    ...(measured.chaos === undefined ? [] : describeChaos(measured.chaos)),
    ...describeGoals(goals),
  ];
  return `${sections.join("\n")}\n`;
}

function describeReady({ ready }: Measured): string[] {
  if (ready === undefined) return [];
  const rows = ready.map(({ name, includes, readyMs }) => [name, range(spreadOf(readyMs), 0), includes]);
  return table(["ready", "ms", "includes"], rows);
}

function describeRoundTrips({ roundTrips }: Measured): string[] {
  if (roundTrips === undefined) return [];
  const raw = roundTrips.find(({ name }) => name === rawSocket)?.medianMs ?? [];
  const rows = roundTrips.map(({ name, medianMs, p99Ms }) => {
    const more = medianMs.map((ms, round) => ms - (raw[round] ?? Number.NaN));
    return [name, range(spreadOf(medianMs), 3), range(spreadOf(more), 3), range(spreadOf(p99Ms), 2)];
  });
  return table(["select 1", "median ms", "more than the raw socket", "p99 ms"], rows);
}

function describeThroughput({ throughput }: Measured): string[] {
  if (throughput === undefined) return [];
  const rows = throughput.map(({ name, direction, megabytesPerSecond }) => {
    const raw = throughput.find((one) => one.name === contender.raw && one.direction === direction);
    const share = ratioOf(megabytesPerSecond, raw?.megabytesPerSecond ?? []);
    return [name, direction, range(spreadOf(megabytesPerSecond)), range(share, 3)];
  });
  return table(["one stream", "direction", "MB/s", "÷ raw socket"], rows);
}

function describeSessions({ sessions }: Measured): string[] {
  if (sessions === undefined) return [];
  const rows = sessions.map(({ sessions: count, direction, megabytesPerSecond }) => [
    String(count),
    direction,
    range(spreadOf(megabytesPerSecond), 2),
  ]);
  return table(["sessions, 1 KiB a ms", "direction", "MB/s"], rows);
}

function describeReturns({ returns }: Measured): string[] {
  if (returns === undefined) return [];
  const rows = returns.map(({ kind, drops, medianMs, p95Ms, worstMs, failedFirst }) => [
    kind,
    String(drops),
    ...[medianMs, p95Ms, worstMs].map((ms) => ms.toFixed(0)),
    String(failedFirst),
  ]);
  return table(["the network returns", "drops", "median ms", "p95 ms", "worst ms", "failed at first"], rows);
}

function describeStarts({ starts: measured }: Measured): string[] {
  if (measured === undefined) return [];
  const { starts, hangs, failures, medianMs, worstMs, sessionsLeft } = measured;
  const row = [starts, hangs, failures.length, medianMs.toFixed(0), worstMs.toFixed(0), sessionsLeft].map(String);
  return table(["starts", "hangs", "failures", "median ms", "worst ms", "sessions left"], [row]);
}
