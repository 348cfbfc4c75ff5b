import { elapsedMs } from "#lib/base/clock.ts";
import { type Attempt, failureOf, type SocketFacts, type Step } from "../evidence.ts";
import { sumOf } from "../loss.ts";
import { limitTime } from "../time-limit.ts";
import { walk, type WalkOptions } from "../walk.ts";

export const connectionsAtOnce = 4;

/** Several connections at a time, each up to a session that has begun. The facts are those of all sockets together. */
export async function probeParallel(
  options: WalkOptions,
  capMs: number,
): Promise<{ readonly step: Step; readonly worked: number; readonly socket?: SocketFacts }> {
  const { clock } = options;
  const startMs = clock.nowMs();
  using limit = limitTime(capMs, options.signal);
  const gate = Promise.withResolvers<void>();
  let arrived = 0;
  const arrive = () => {
    arrived += 1;
    if (arrived === connectionsAtOnce) gate.resolve();
  };
  // All stay open until the last has begun or failed: one after the other they would prove nothing.
  const beforeEnd = async () => {
    arrive();
    await gate.promise;
  };
  const take = async () => {
    try {
      return await walk({ ...options, signal: limit.signal, until: "ready", beforeEnd, hasFacts: true });
    } catch (error) {
      arrive();
      throw error;
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: connectionsAtOnce }, take));
  const attempts = settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
  const step = judgeParallel(attempts, elapsedMs(clock, startMs));
  const worked = attempts.filter((attempt) => failureOf(attempt) === undefined).length;
  return { step: { ...step, missedMs: limit.missedMs() }, worked, ...allFacts(attempts) };
}

/**
 * Of several walks at a time, one step. What merely got no time to end, on a machine that is busy, has not failed: a limit
 * refuses, ends or leaves a step without an answer.
 */
export function judgeParallel(attempts: readonly Attempt[], ms: number): Step {
  const failed = attempts.filter((attempt) => hasFailed(attempt));
  const failures = failed.map(failureOf).filter((one) => one !== undefined);
  const [one] = failures;
  if (one === undefined) return { name: "parallel", ms, detail: describeWell(attempts) };
  const worked = attempts.length - failures.length;
  const text = failed[0]?.steps.find(({ failure }) => failure !== undefined)?.detail ?? "";
  const detail = `of ${attempts.length} at a time ${worked} work; the others: ${one.step}: ${text}`;
  const refusal = failures.find(({ failure }) => failure.kind === "refused")?.failure;
  return {
    name: "parallel",
    ms,
    detail,
    failure: refusal ?? {
      kind: "limit",
      worked,
      wanted: attempts.length,
      isSilent: failures.every(({ failure }) => failure.kind === "timeout"),
    },
  };
}

function hasFailed(attempt: Attempt): boolean {
  const failed = failureOf(attempt);
  return failed !== undefined && failed.failure.kind !== "out-of-time";
}

function describeWell(attempts: readonly Attempt[]): string {
  const late = attempts.filter((attempt) => failureOf(attempt) !== undefined).length;
  const all = `${attempts.length} at a time`;
  return late === 0 ? `${all} work` : `${all}: none failed; ${late} had no time to end`;
}

function allFacts(attempts: readonly Attempt[]): { readonly socket?: SocketFacts } {
  // Of those that failed nothing is asked: a packet that is refused is sent again, too.
  const facts = attempts
    .filter((attempt) => failureOf(attempt) === undefined)
    .map(({ socket }) => socket)
    .filter((socket) => socket !== undefined);
  const socket = sumOf(facts);
  return socket === undefined ? {} : { socket };
}
