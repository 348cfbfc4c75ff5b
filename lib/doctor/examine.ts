import type { Duplex } from "node:stream";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";
import { type Attempt, failureOf, type Step, type StepName, type Vantage } from "./evidence.ts";
import type { Findings } from "./findings.ts";
import { explainRefusal } from "./judgement/code-of-report.ts";
import { judge, needsRepeat } from "./judgement/judge.ts";
import { capOf, lookAgain } from "./look-again.ts";
import { sumOf } from "./loss.ts";
import { probeParallel } from "./probes/parallel.ts";
import { limitTime } from "./time-limit.ts";
import { walk, type WalkOptions } from "./walk.ts";

export type ExamineOptions = {
  readonly address: DatabaseAddress;
  /** Opens connections instead of name and TCP: through a transport. */
  readonly open?: (signal: AbortSignal) => Promise<Duplex>;
  /** The last step to take. Default: all of them. */
  readonly until?: StepName;
  /** Lets a connection rest so long in the end, and asks again. Default: not. */
  readonly holdMs?: number;
  readonly vantage?: Vantage;
  readonly caps?: Readonly<Record<StepName, number>>;
  /** For all of it, the rest not counted. Default: 4.5 s. */
  readonly withinMs?: number;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** A step begins: for whoever watches. */
  readonly onStep?: (name: StepName) => void;
};

const wholeMs = 4500;
/** Once something failed, the clock on the wall counts, and so much more; until then, the time that we were awake. */
const graceMs = 100;

/**
 * Examines the way to a database, and names what is wrong with it.
 *
 * 1. One walk along all steps of a connection (`walk.ts`); where all is well, four connections at a time, and last, if
 *    asked for, one that rests.
 * 2. Where that ended in what may be chance, the same over fresh connections with more patience: two at once, so that loss
 *    has to strike three times to be taken for something else; four where no session has begun. Where a handshake got nothing,
 *    one that only earns a few bytes. Where this process did not run for some of the time, they go all the way, and what
 *    they find is believed.
 * 3. One verdict from all of it (`judgement/judge.ts`), after 4.5 s at the latest, the rest not counted. Nothing is left open, and
 *    nothing was written.
 */
export async function examine(options: ExamineOptions): Promise<DoctorReport> {
  const { clock = systemClock, signal: stop, holdMs, until, vantage = "here", withinMs = wholeMs } = options;
  const startMs = clock.nowMs();
  using limit = limitTime(withinMs, stop);
  const { holdMs: _, onStep = () => {}, ...others } = options;
  const common = { ...others, clock, signal: limit.signal };

  const walked = await examineOnce(common, onStep);
  const leftMs = () => withinMs + graceMs - elapsedMs(clock, startMs);
  const { first, repeated } = await lookCloser(walked, common, leftMs);
  const isWell = failureOf(first) === undefined;
  const rested =
    isWell && holdMs !== undefined && until === undefined
      ? await examineRest({ ...common, onStep }, holdMs, stop)
      : undefined;
  stop.throwIfAborted();
  const attempts = [first, ...(repeated.attempts ?? [])];
  const verdict = rested?.verdict ?? judge({ ...repeated, attempts });
  const shown = verdict.code === "ok" ? (attempts.findLast(isWhole) ?? first) : first;
  const steps = [...shown.steps, ...(rested === undefined ? [] : [rested.step])];
  const atFirst = verdict.code === "ok" ? first.steps.find(({ failure }) => failure !== undefined) : undefined;
  return {
    verdict,
    probes: steps.map((step) => toProbe(step, vantage, atFirst)),
    ms: elapsedMs(clock, startMs),
  };
}

type Looked = { readonly first: Attempt; readonly repeated: Partial<Findings> };

async function lookCloser(first: Attempt, options: WalkOptions, leftMs: () => number): Promise<Looked> {
  if (!needsRepeat(first)) return { first, repeated: await askForTls(first, options) };
  const { alone, ...repeated } = await lookAgain(first, options, leftMs());
  return alone === undefined ? { first, repeated } : await lookCloser(alone, options, leftMs);
}

/** What failed at first and is no trouble after all was so only the second time. */
function toProbe(step: Step, vantage: Vantage, atFirst: Step | undefined): ProbeReport {
  const { name, ms, detail, warning, failure } = step;
  if (name === atFirst?.name) {
    return {
      name,
      vantage,
      ok: true,
      warning: `At first: ${atFirst.detail}.`,
      ms,
      detail: "passed on fresh connections",
    };
  }
  return { name, vantage, ok: failure === undefined, ...(warning === undefined ? {} : { warning }), ms, detail };
}

/** A connection without TLS that is refused for that: whether the server has any decides what it means. */
async function askForTls(first: Attempt, options: WalkOptions): Promise<Pick<Findings, "hasTls">> {
  const failed = failureOf(first)?.failure;
  if (options.address.sslMode !== "disable" || failed?.kind !== "refused") return {};
  if (explainRefusal({}, first, failed).code !== "tls.required") return {};
  const asked = await walk({
    ...options,
    address: { ...options.address, sslMode: "require" },
    until: "ssl-request",
  });
  return { hasTls: failureOf(asked)?.failure.kind !== "no-tls" };
}

async function examineOnce(options: WalkOptions, onStep: (name: StepName) => void): Promise<Attempt> {
  const first = await walk({ ...options, onStep, hasFacts: true });
  if (failureOf(first) !== undefined || options.until !== undefined) return first;
  onStep("parallel");
  const { step, socket } = await probeParallel(options, capOf(options, "parallel"));
  const all = sumOf([first.socket, socket].filter((one) => one !== undefined));
  return { steps: [...first.steps, step], ...(all === undefined ? {} : { socket: all }) };
}

/** A connection of its own that rests. Where it fails, a fresh one decides whether it was the rest that broke it. */
async function examineRest(
  options: WalkOptions,
  holdMs: number,
  stop: AbortSignal,
): Promise<{ readonly step: Step; readonly verdict: DoctorReport["verdict"] }> {
  using limit = limitTime(holdMs + wholeMs, stop);
  const rested = await walk({ ...options, signal: limit.signal, holdMs });
  const failed = failureOf(rested);
  const last = rested.steps.at(-1);
  if (last === undefined) throw new TypeError("a walk without a step");
  if (failed === undefined) return { step: last, verdict: judge({ attempts: [rested] }) };
  using again = limitTime(wholeMs, stop);
  const fresh = await walk({ ...options, signal: again.signal });
  // The rest may be chance only together with everything else: a connection that works is what it is measured against.
  const decided = failureOf(fresh) === undefined ? rested : fresh;
  return { step: last, verdict: judge({ attempts: [decided] }) };
}

/** It failed nowhere, and went as far as walks go. */
function isWhole(attempt: Attempt): boolean {
  return failureOf(attempt) === undefined && attempt.steps.some(({ name }) => name === "upload");
}
