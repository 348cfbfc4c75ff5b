import { atLeast, atMost, type Goal } from "../figures/goal.ts";
import { ratioOf, type Spread, spreadOf } from "../figures/statistics.ts";
import type { Chaos } from "./chaos/run.ts";
import { command, type ReadyTimes } from "./ready/measure.ts";
import type { Returns } from "./returns/measure.ts";
import { rawSocket, type RoundTrips } from "./round-trip/measure.ts";
import type { Starts } from "./starts/measure.ts";
import { contender, type Throughput } from "./throughput/measure.ts";
import { manySessions, type SessionsThroughput } from "./throughput/sessions.ts";

/** What was measured; a part that was left out is undefined. */
export type Measured = {
  readonly ready?: readonly ReadyTimes[];
  readonly roundTrips?: readonly RoundTrips[];
  readonly throughput?: readonly Throughput[];
  readonly sessions?: readonly SessionsThroughput[];
  readonly returns?: readonly Returns[];
  readonly starts?: Starts;
  readonly chaos?: Chaos;
};

/**
 * Of the official plugin against a double of the gateway with 16 KiB payloads, downloading. A recorded number of another run:
 * the plugin is not on npm, so it cannot be measured beside the tunnel.
 */
const pluginMegabytesPerSecond = 80;

/** The goals that can be judged from what was measured. Pure. */
export function judge(measured: Measured): Goal[] {
  return [
    ...judgeReady(measured),
    ...judgeRoundTrips(measured),
    ...judgeThroughput(measured),
    ...judgeSessions(measured),
    ...judgeReturns(measured),
    ...judgeStarts(measured),
    ...judgeChaos(measured),
  ];
}

function judgeReady({ ready = [] }: Measured): Goal[] {
  return ready
    .filter(({ name }) => name === command)
    .map(({ name, readyMs }) => atMost(`ready: ${name}, ms`, 1_000, spreadOf(readyMs)));
}

function judgeRoundTrips({ roundTrips = [] }: Measured): Goal[] {
  const of = (wanted: string) => roundTrips.find(({ name }) => name === wanted)?.medianMs;
  const [raw, ssm] = [of(rawSocket), of("ssm")];
  if (raw === undefined || ssm === undefined) return [];
  const more = ssm.map((ms, round) => ms - (raw[round] ?? Number.NaN));
  return [atMost("round trip: ssm − raw socket, ms", 0.3, spreadOf(more))];
}

function judgeThroughput({ throughput = [] }: Measured): Goal[] {
  const large = throughput.find(({ name, direction }) => name === contender.large && direction === "down");
  if (large === undefined) return [];
  const ratios = large.megabytesPerSecond.map((rate) => rate / pluginMegabytesPerSecond);
  const peer = `official plugin (recorded: ${pluginMegabytesPerSecond} MB/s)`;
  return [atLeast(`throughput, down: ${contender.large} ÷ ${peer}`, 1.5, spreadOf(ratios))];
}

function judgeSessions({ sessions = [] }: Measured): Goal[] {
  return (["down", "up"] as const).flatMap((direction) => {
    const of = (wanted: number) =>
      sessions.find((one) => one.sessions === wanted && one.direction === direction)?.megabytesPerSecond;
    const [one, many] = [of(1), of(manySessions)];
    if (one === undefined || many === undefined) return [];
    return [atLeast(`paced, ${direction}: ${manySessions} sessions ÷ 1`, 7, ratioOf(many, one))];
  });
}

function judgeReturns({ returns = [] }: Measured): Goal[] {
  return returns
    .filter(({ kind }) => kind === "all")
    .map(({ drops, p95Ms }) => atMost(`next query after ${drops} drops, p95 ms`, 1_000, single(p95Ms)));
}

function judgeStarts({ starts }: Measured): Goal[] {
  if (starts === undefined) return [];
  return [
    atMost(`hangs in ${starts.starts} starts`, 0, single(starts.hangs)),
    atMost("sessions left by them", 0, single(starts.sessionsLeft)),
  ];
}

function judgeChaos({ chaos }: Measured): Goal[] {
  if (chaos === undefined) return [];
  return [atMost("chaos: transactions lost, or read wrongly", 0, single(chaos.findings.length))];
}

function single(value: number): Spread {
  return spreadOf([value]);
}
