import type { Duplex } from "node:stream";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { type Attempt, failureOf, type Step, type StepName, type Vantage } from "./evidence.ts";
import { probeTinyReply } from "./probes/tiny-reply.ts";
import { type Findings, judge, needsRepeat } from "./verdict.ts";
import { defaultCaps, walk } from "./walk.ts";

export type ExamineOptions = {
  readonly address: DatabaseAddress;
  /** Opens connections instead of name and TCP: through a transport. */
  readonly open?: (signal: AbortSignal) => Promise<Duplex>;
  /** The last step to take. Default: all of them. */
  readonly until?: StepName;
  readonly vantage?: Vantage;
  readonly caps?: Readonly<Record<StepName, number>>;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** Each step as it was taken, for whoever watches. */
  readonly onStep?: (step: Step) => void;
};

const wholeMs = 4500;
const connectionsAtOnce = 4;

/**
 * Examines the way to a database, and names what is wrong with it.
 *
 * 1. One walk along all steps of a connection (`walk.ts`).
 * 2. Where it ended in what may be chance, a second one over a fresh connection; where the handshake got nothing, a
 *    handshake that only earns a few bytes.
 * 3. Where all is well, four connections at a time.
 * 4. One verdict from all of it (`verdict.ts`), after 4.5 s at the latest. Nothing is left open, and nothing was written.
 */
export async function examine(options: ExamineOptions): Promise<DoctorReport> {
  const { clock = systemClock, signal: stop, until, vantage = "here" } = options;
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([stop, AbortSignal.timeout(wholeMs)]);
  const common = { ...options, clock, signal };

  const first = await walk(common);
  stop.throwIfAborted();
  const failed = failureOf(first);
  const steps =
    failed === undefined && until === undefined ? [...first.steps, await probeParallel(common)] : first.steps;
  const findings: Findings = {
    attempts:
      failed !== undefined && needsRepeat(first)
        ? [{ ...first, steps }, await walk({ ...common, until: failed.step })]
        : [{ ...first, steps }],
    ...(failed?.step === "tls" && failed.failure.kind === "timeout"
      ? { isTinyReplyAnswered: await probeTinyReply(common) }
      : {}),
  };
  stop.throwIfAborted();
  return {
    verdict: judge(findings),
    probes: steps.map((step) => ({
      name: step.name,
      vantage,
      ok: step.failure === undefined,
      ms: step.ms,
      detail: step.detail,
    })),
    ms: elapsedMs(clock, startMs),
  };
}

/** Four connections at a time, each up to a session that has begun. */
async function probeParallel(options: ExamineOptions & { readonly clock: Clock }): Promise<Step> {
  const { clock, caps = defaultCaps } = options;
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(caps.parallel)]);
  const gate = Promise.withResolvers<void>();
  let arrived = 0;
  // All stay open until the last has begun or failed: one after the other they would prove nothing.
  const hold = async () => {
    arrived += 1;
    if (arrived === connectionsAtOnce) gate.resolve();
    await gate.promise;
  };
  const attempts = await Promise.all(
    Array.from({ length: connectionsAtOnce }, async () =>
      walk({ ...options, signal, until: "ready", beforeEnd: hold }),
    ),
  );
  const failures = attempts.map(failureOf).filter((one) => one !== undefined);
  const ms = elapsedMs(clock, startMs);
  if (failures.length === 0) return { name: "parallel", ms, detail: `${connectionsAtOnce} at a time work` };
  const worked = connectionsAtOnce - failures.length;
  const text = detailOf(attempts.find((attempt) => failureOf(attempt) !== undefined));
  const detail = `of ${connectionsAtOnce} at a time ${worked} work; the others: ${text}`;
  return { name: "parallel", ms, detail, failure: { kind: "limit", worked, wanted: connectionsAtOnce, text } };
}

function detailOf(attempt: Attempt | undefined): string {
  const failed = attempt?.steps.find(({ failure }) => failure !== undefined);
  return failed === undefined ? "" : `${failed.name}: ${failed.detail}`;
}
