import { isDisturbed } from "./doubt.ts";
import { type Attempt, type Failed, type Failure, failureOf, type Step, type StepName } from "./evidence.ts";
import type { Findings } from "./findings.ts";
import { isRefusedAsFull } from "./judgement/code-of-failure.ts";
import { connectionsAtOnce, probeParallel } from "./probes/parallel.ts";
import { probeTinyReply } from "./probes/tiny-reply.ts";
import { defaultCaps, walk, type WalkOptions } from "./walk.ts";

/** At the end of it, for what is not waiting. */
const reserveMs = 500;
const maxPatienceMs = 2200;
const repeats = 2;
/** Of steps in which no session has begun more cost nobody anything. */
const earlyRepeats = 4;
/** A server needs a moment to see that a connection is over, and counts it until then. */
const settleMs = 250;

/** `alone`: the server went away between the first look and this one, so that this attempt is to be looked at instead. */
export type SecondLook = Partial<Findings> & { readonly alone?: Attempt };

/**
 * Fresh connections up to the step that failed, which may take as long as there is time. They go all the way where this
 * process did not run for some of the first one's time: what they find there is believed.
 */
export async function lookAgain(first: Attempt, given: WalkOptions, leftMs: number): Promise<SecondLook> {
  const failed = failureOf(first);
  if (failed === undefined) return {};
  const { step, failure } = failed;
  const options = { ...given, signal: AbortSignal.any([given.signal, AbortSignal.timeout(Math.max(0, leftMs))]) };
  const patienceMs = Math.min(maxPatienceMs, Math.max(capOf(options, step), leftMs - reserveMs));
  if (step === "parallel") {
    await options.clock.sleep(settleMs, options.signal).catch(() => {});
    const again = await probeParallel(options, patienceMs);
    const alone = again.worked === 0 ? await walk({ ...options, until: "ready" }) : undefined;
    if (alone !== undefined && isGone(alone)) return { alone };
    const steps = [...first.steps.filter((one) => one.failure === undefined), decide(again, failure)];
    return { attempts: [{ steps, ...(again.socket === undefined ? {} : { socket: again.socket }) }] };
  }
  const caps = { ...(options.caps ?? defaultCaps), [step]: patienceMs };
  const isMute = failure.kind === "timeout";
  const until = isMute && step === "tls" ? "download" : step;
  const fresh = { ...options, caps, ...(isDisturbed(first) ? {} : { until }) };
  const isEarly = step === "tcp" || step === "ssl-request";
  const [tiny, small, attempts] = await Promise.all([
    isMute && step === "tls" ? probeTinyReply(options, patienceMs) : undefined,
    isMute && step === "upload" ? walk({ ...fresh, hasSmallPackets: true }) : undefined,
    allOf(Array.from({ length: isEarly ? earlyRepeats : repeats }, async () => walk(fresh))),
  ]);
  return {
    attempts: until === step || isDisturbed(first) ? attempts : attempts.map((one) => withoutOthers(one, step)),
    ...(tiny === undefined ? {} : { isTinyReplyAnswered: tiny }),
    ...(small === undefined ? {} : { isSmallUploadAnswered: failureOf(small) === undefined }),
  };
}

/**
 * A certificate's flight may just fit through a hole, for a signature's length differs by a byte or two: 32 KB never do. Nothing
 * else that fails behind the step is asked for.
 */
function withoutOthers(attempt: Attempt, step: StepName): Attempt {
  const failed = failureOf(attempt);
  if (failed === undefined || failed.step === step || isMuteDownload(failed)) return attempt;
  const end = attempt.steps.findIndex(({ name }) => name === step);
  return end === -1 ? attempt : { ...attempt, steps: attempt.steps.slice(0, end + 1) };
}

function isMuteDownload({ step, failure }: Failed): boolean {
  return step === "download" && failure.kind === "timeout";
}

/** Not even one connection works by now. Silence, and words about too many, may still be what the others have left behind. */
function isGone(alone: Attempt): boolean {
  const kind = failureOf(alone)?.failure.kind;
  return kind === "errno" || kind === "ended" || (kind === "refused" && !isRefusedAsFull(alone));
}

/** Where no more of them had time to end than worked at first, or not all of those that were refused, nothing was shown. */
function decide({ step, worked }: { readonly step: Step; readonly worked: number }, first: Failure): Step {
  const isShown =
    step.failure !== undefined || worked > (first.kind === "limit" ? first.worked : connectionsAtOnce - 1);
  return isShown ? step : { ...step, failure: { kind: "out-of-time" } };
}

export function capOf({ caps = defaultCaps }: WalkOptions, step: StepName): number {
  return caps[step];
}

/** When all are over, so that none goes on behind a failure. */
async function allOf<Value>(promises: readonly Promise<Value>[]): Promise<readonly Value[]> {
  return (await Promise.allSettled(promises)).map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}
